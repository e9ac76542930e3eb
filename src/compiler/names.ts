/** Names, labels and ids of what the compiler makes. */
import { createHash } from 'node:crypto';
import { LABEL_CREATED_BY } from '../calico/labels.ts';
import type { Selector } from '../calico/selector.ts';
import { and, eq, has, not, printSelector } from '../calico/selector.ts';

/** As config/manager has it. */
export const DEFAULT_OPERATOR_NAMESPACE = 'clusterfirewall-system';

export const TIER = 'clusterfirewall';
export const TIER_ORDER = 900;
export const DEFAULT_TIER = 'default';

export const LABEL_MANAGED_BY = 'app.kubernetes.io/managed-by';
export const MANAGED_BY = 'clusterfirewall';
/** Calico puts it on every policy itself; said here so that nobody finds a difference. */
const LABEL_TIER = 'projectcalico.org/tier';
export const LABEL_FIREWALL = 'clusterfirewall.io/firewall';
/** On sets: what they are, for rule selectors. Only ever matched together with `global()`. */
export const LABEL_SET = 'clusterfirewall.io/set';
/** On host endpoints, or on the Nodes whose labels automatic ones take: the policies of nodes select it. */
export const LABEL_ENFORCED = 'clusterfirewall.io/gate';
/** On host endpoints of interface lo. */
export const LABEL_LO = 'clusterfirewall.io/lo';
/** On every Calico rule: the id of the rule it comes from. Felix prints it into the packet filter. */
export const ANNOTATION_RULE = 'clusterfirewall.io/rule';
/** On every object: the ids of the rules it carries, separated by commas. */
export const ANNOTATION_RULES = 'clusterfirewall.io/rules';

/** Order within tier default, as the scenarios have it; the default deny comes after them. */
export const ORDER = {
  local: 100,
  egress: 200,
  connections: 250,
  ingress: 300,
  metrics: 400,
  apiServerToPods: 500,
  dns: 900,
  defaultDeny: 1000,
} as const;

/** Last part of the id that bridges carry instead of their rules' (controller/plan/bridges.ts). */
export const BRIDGES = { from: 'bridge-from', to: 'bridge-to' } as const;
/** Of copies that go before or after the others, beside it: of a last word of nodes, of what is refused at pods. */
export const BRIDGES_LAST_WORD = 'bridge-deny';
export const BRIDGES_AT_PODS = 'bridge-pods';
/** What the last one written carries beside it. */
export const BRIDGES_COMPLETE = 'bridge-complete';

/** Order within tier clusterfirewall. The one that passes comes last: `Pass` leaves the tier, guardrails and all. */
export const TIER_POLICY_ORDER = { guardrail: 100, pass: 1000 } as const;

/** Order of the policies of nodes within tier clusterfirewall; each leaves the tier by Pass, or denies. */
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

/** Rules are known everywhere as FIREWALL/GROUP/LIST/NAME, never by index. */
export const ruleId = (...parts: readonly string[]): string => parts.join('/');

/** True for `default/nodes/zones/office`, and not for a rule of a group that is called `nodes`. */
export const isRuleOfNodes = (rule: string): boolean =>
  /^[^/]+\/nodes\/(?!(?:ingress|metrics|connections|egress|isolation)(?:\/|$))/.test(rule);

const digest = (text: string, length: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, length);

/**
 * Name of a generated object: readable, and unique through a digest, since `a-b` + `c` reads like `a` + `b-c`.
 * A policy of another tier than default must be called TIER.NAME up to Calico 3.31 (calico.md, 2.5).
 */
export const objectName = (tier: string, id: string, variant = ''): string =>
  uniqueName(tier === DEFAULT_TIER ? '' : `${tier}.`, id, variant);

/**
 * Name of a host endpoint. Of two for one interface Felix takes the one whose name comes first, and that has to be ours while Calico's own
 * (`NODE-auto-hep`) comes or goes beside it.
 */
export const endpointName = (id: string): string => uniqueName(FIRST, id);

const FIRST = '0-';

function uniqueName(prefix: string, id: string, variant = ''): string {
  const readable = ['cfw', ...id.split('/'), ...(variant === '' ? [] : [variant])].join('-').toLowerCase();
  const name = `${readable}-${digest(`${id}#${variant}`, 6)}`;
  const room = MAX_NAME - prefix.length;
  return prefix + (name.length <= room ? name : `${name.slice(0, room - 13)}-${digest(name, 12)}`);
}

const MAX_NAME = 253;

/** True for a name such as objectName and endpointName make. */
export const isOurName = (name: string): boolean => /^(?:[^.]+\.|0-)?cfw-/.test(name);

/** Value of LABEL_SET for a peer of a firewall: at most 63 characters, as every label value. */
export function peerSetValue(firewall: string, peer: string): string {
  const value = `${firewall}.${peer}`;
  return value.length <= 63 ? value : `${value.slice(0, 50)}.${digest(value, 12)}`;
}

/** Firewalls' own sets have a dot in their value, these have none. */
export const NODE_SET_VALUE = 'nodes';
export const CONTROL_PLANE_SET_VALUE = 'control-plane';

/** Part of the id of sets with the addresses of a zone's nodes: FIREWALL/nodes/where/TAG. */
export const ZONE_NODES = 'where';

/** The addresses that count as nodes' own where the policies of nodes deny. */
export const JUDGED_SET_VALUE = 'judged';

/** A set, and no host endpoint that has the label of its Node, which that node's kubelet may write. */
export const isSet = (value: string): Selector => and(eq(LABEL_SET, value), not(has(LABEL_CREATED_BY)));

/** What every selector that means a set has in it: what to look for in a policy to know whether it needs the set. */
export const setSelector = (value: string): string => printSelector(eq(LABEL_SET, value));

export function objectMeta(
  name: string,
  firewall: string,
  rules: readonly string[],
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
