/** Names, labels and ids of compiled objects. */
import { createHash } from 'node:crypto';
import { LABEL_CREATED_BY } from '../calico/labels.ts';
import type { Selector } from '../calico/selector.ts';
import { and, eq, has, not, printSelector } from '../calico/selector.ts';

/** The namespace in config/manager. */
export const DEFAULT_OPERATOR_NAMESPACE = 'clusterfirewall-system';
/** The operator's Deployment, and the Lease that its replicas share. config/manager and config/rbac name them too. */
export const OPERATOR_NAME = 'clusterfirewall';

export const TIER = 'clusterfirewall';
export const TIER_ORDER = 900;
export const DEFAULT_TIER = 'default';

export const LABEL_MANAGED_BY = 'app.kubernetes.io/managed-by';
export const MANAGED_BY = 'clusterfirewall';
/** Calico adds this label to every policy. We write it ourselves, so no difference is found. */
const LABEL_TIER = 'projectcalico.org/tier';
export const LABEL_FIREWALL = 'clusterfirewall.io/firewall';
/** On sets: the value that rule selectors match. It is only ever matched together with `global()`. */
export const LABEL_SET = 'clusterfirewall.io/set';
/**
 * On host endpoints, or on the Nodes whose labels automatic host endpoints copy. The policies of nodes select
 * it.
 */
export const LABEL_ENFORCED = 'clusterfirewall.io/gate';
/** On host endpoints of interface lo. */
export const LABEL_LO = 'clusterfirewall.io/lo';
/** On every Calico rule: the id of the rule that it comes from. Felix prints it into the packet filter. */
export const ANNOTATION_RULE = 'clusterfirewall.io/rule';
/** On every object: the ids of the rules that it carries, separated by commas. */
export const ANNOTATION_RULES = 'clusterfirewall.io/rules';

/** Order within tier default, taken from the scenarios. The default deny comes last. */
export const ORDER = {
  local: 100,
  egress: 200,
  connections: 250,
  ingress: 300,
  metrics: 400,
  apiServerToPods: 500,
  podsToAPIServer: 600,
  dns: 900,
  defaultDeny: 1000,
} as const;

/**
 * Order within tier clusterfirewall. The policy that passes comes last, because `Pass` leaves the tier and
 * skips the guardrails after it.
 */
export const TIER_POLICY_ORDER = {
  guardrail: 100,
  /** Ceilings that judge DNS and the calls of and to the API server. */
  judging: 200,
  /** It passes those, so that the ceilings after it do not see them. */
  passDefaults: 300,
  ceiling: 400,
  pass: 1000,
} as const;

/** Order of the node policies within tier clusterfirewall. Each leaves the tier by Pass, or denies. */
export const NODE_ORDER = {
  lo: 10,
  breakGlass: 20,
  blocked: 30,
  loopback: 40,
  baseline: 50,
  zones: 60,
  nodePorts: 70,
  deny: 80,
} as const;

declare const brand: unique symbol;

/** FIREWALL/GROUP/LIST/NAME everywhere, or the first parts of that. It never contains an index. */
export type RuleId = string & { readonly [brand]: 'RuleId' };

/** @param parts parts, or ids of the first parts */
export const ruleId = (...parts: readonly string[]): RuleId => parts.join('/') as RuleId;

/** Begins with the firewall. */
export const partsOf = (rule: RuleId): readonly string[] => rule.split('/');

/** True for `default/nodes/lo` below `default/nodes`. */
export const isBelow = (rule: RuleId, first: RuleId): boolean => rule.startsWith(`${first}/`);

/** The ids in the annotation of an object. */
export const parseRuleIds = (text: string): readonly RuleId[] =>
  text
    .split(',')
    .filter((rule) => rule !== '')
    .map((rule) => ruleId(rule));

/** True for `default/nodes/zones/office`, and not for a rule of a group that is called `nodes`. */
export const isRuleOfNodes = (rule: RuleId): boolean =>
  /^[^/]+\/nodes\/(?!(?:ingress|metrics|connections|egress|isolation)(?:\/|$))/.test(rule);

const digest = (text: string, length: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, length);

/**
 * The name of a generated object. It is readable, and a digest makes it unique, because `a-b` + `c` reads
 * like `a` + `b-c`. Up to Calico 3.31 a policy of a tier other than default must be called TIER.NAME
 * (calico.md, 2.5).
 */
export const objectName = (tier: string, id: RuleId, variant = ''): string =>
  uniqueName(tier === DEFAULT_TIER ? '' : `${tier}.`, id, variant);

/**
 * The name of a host endpoint. When an interface has two, Felix takes the one whose name comes first. This
 * has to be ours while Calico's own (`NODE-auto-hep`) comes or goes.
 */
export const endpointName = (id: RuleId): string => uniqueName(FIRST, id);

const FIRST = '0-';

function uniqueName(prefix: string, id: RuleId, variant = ''): string {
  const readable = ['cfw', ...partsOf(id), ...(variant === '' ? [] : [variant])].join('-').toLowerCase();
  const name = `${readable}-${digest(`${id}#${variant}`, 6)}`;
  const room = MAX_NAME - prefix.length;
  return prefix + (name.length <= room ? name : `${name.slice(0, room - 13)}-${digest(name, 12)}`);
}

const MAX_NAME = 253;

/** True for a name that objectName or endpointName made. */
export const isOurName = (name: string): boolean => /^(?:[^.]+\.|0-)?cfw-/.test(name);

export const NODE_SET_VALUE = 'nodes';
export const CONTROL_PLANE_SET_VALUE = 'control-plane';
export const ETCD_SET_VALUE = 'etcd';
export const API_SERVER_SET_VALUE = 'api-server';

/** Part of the ids of sets with the addresses of DNS Services: FIREWALL/dns-services/TAG. */
export const DNS_SETS = 'dns-services';

/** Part of the ids and labels of sets with the addresses of nodes by label: default/labelled-nodes/TAG. */
export const LABELLED_NODES = 'labelled-nodes';

/** Part of the ids of sets with the nodes that a ceiling does not name: FIREWALL/other-nodes/GUARDRAIL. */
export const OTHER_NODES = 'other-nodes';

/** Part of the id of a set that holds the addresses of a zone's nodes: FIREWALL/nodes/where/TAG. */
export const ZONE_NODES = 'where';

/** The addresses that count as nodes' own where node policies deny. */
export const NODE_ADDRESSES_SET_VALUE = 'judged';

/**
 * Matches a set, but not a host endpoint with the same label, because a kubelet may write labels to its Node.
 */
export const isSet = (value: string): Selector => and(eq(LABEL_SET, value), not(has(LABEL_CREATED_BY)));

/** The values of LABEL_SET that a printed selector asks for. */
export const setsIn = (selector: string): readonly string[] =>
  [...selector.matchAll(SET_TERM)].flatMap(([, value]) => (value === undefined ? [] : [value]));

const SET_TERM = new RegExp(
  printSelector(eq(LABEL_SET, 'VALUE')).replace('VALUE', "([^']*)").replaceAll('.', '\\.'),
  'g',
);

export function objectMeta(
  name: string,
  firewall: string,
  rules: readonly RuleId[],
  tier?: string,
  namespace?: string,
) {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    labels: {
      [LABEL_MANAGED_BY]: MANAGED_BY,
      [LABEL_FIREWALL]: firewall,
      ...(tier === undefined ? {} : { [LABEL_TIER]: tier }),
    },
    annotations: { [ANNOTATION_RULES]: rules.join(',') },
  };
}

/** A short name for something that has only content, such as a peer without a name. */
export const contentTag = (content: unknown): string => digest(JSON.stringify(content), 6);
