/**
 * Kubernetes' policies as Calico converts them (libcalico-go/lib/backend/k8s/conversion, conversion.go at
 * v3.31).
 */
import { LABEL_NAMESPACE, LABEL_ORCHESTRATOR } from '../labels.ts';
import { and, eq, fromLabelSelector, has, prefixed, SelectorError, type Selector } from '../selector.ts';
import type { Action } from '../types.ts';
import { stagedAction } from './calico-policy.ts';
import { FieldError, type Fields, type ObjectFields } from './fields.ts';
import type { PolicyRule, Ports, RuleEnd, StoredPolicy } from './policy.ts';
import { readProtocol, PROTOCOL } from './protocols.ts';
import { NAMESPACE_PREFIX } from './selectors.ts';

const ORDER = 1000;

/** NetworkPolicy of networking.k8s.io, and Calico's StagedKubernetesNetworkPolicy. @throws FieldError */
export function readNetworkPolicy(object: ObjectFields): StoredPolicy {
  const { namespace, name } = object.metadata;
  if (namespace === undefined) throw new FieldError('metadata.namespace', 'is missing');
  const spec = object.fields.object('spec');
  const types = spec.texts('policyTypes');
  const egress = types.includes('Egress');
  return {
    ...base(object),
    namespace,
    sortName: `${namespace}/knp.default.${name}`,
    tier: 'default',
    order: ORDER,
    selector: and(pods(spec.optional('podSelector')), inNamespace(namespace)),
    types: { ingress: types.includes('Ingress') || !egress, egress },
    ingress: spec.list('ingress').flatMap((rule) => networkPolicyRules(rule, 'from', namespace)),
    egress: spec.list('egress').flatMap((rule) => networkPolicyRules(rule, 'to', namespace)),
    ...(object.kind.startsWith('Staged') && { staged: stagedAction(spec) }),
  };
}

const base = ({ kind, apiVersion, metadata }: ObjectFields) => ({
  kind,
  apiVersion,
  name: metadata.name,
  preDNAT: false,
  doNotTrack: false,
  applyOnForward: false,
});

const inNamespace = (namespace: string): Selector => eq(LABEL_NAMESPACE, namespace);

/** Every pod, without host endpoints and sets. */
function pods(labels: Fields | undefined): Selector {
  return and(eq(LABEL_ORCHESTRATOR, 'k8s'), labels === undefined ? { kind: 'all' } : labelSelector(labels));
}

/** `{}` means every namespace, and so never a host endpoint or global set. */
function namespaces(labels: Fields): Selector {
  const selector = labelSelector(labels);
  return selector.kind === 'all' ? has(LABEL_NAMESPACE) : prefixed(NAMESPACE_PREFIX, selector);
}

const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

function labelSelector(labels: Fields): Selector {
  const matchExpressions = labels.list('matchExpressions').map((each) => {
    const operator = OPERATORS.find((known) => known === each.text('operator'));
    if (operator === undefined)
      throw new FieldError(each.at('operator'), `is none of ${OPERATORS.join(', ')}`);
    return { key: each.text('key'), operator, values: each.texts('values') };
  });
  try {
    return fromLabelSelector({ matchLabels: labels.labels('matchLabels'), matchExpressions });
  } catch (error) {
    if (error instanceof SelectorError) throw new FieldError(labels.path, error.message);
    throw error;
  }
}

interface ProtocolPorts {
  readonly protocol?: number;
  readonly ports?: Ports;
}

export const NOTHING: RuleEnd = { nets: [], notNets: [] };

/**
 * One rule for each protocol and peer, in the order of libcalico-go/lib/backend/k8s/conversion. All of them have
 * the same action, so only the number of a rule in flow logs depends on their order.
 */
export function combined(
  direction: 'from' | 'to',
  action: Action,
  rule: Fields,
  { protocols, peers }: { readonly protocols: readonly ProtocolPorts[]; readonly peers: readonly RuleEnd[] },
): readonly PolicyRule[] {
  return protocols.flatMap(({ protocol, ports }) =>
    peers.map((peer): PolicyRule => {
      const withPorts = (end: RuleEnd): RuleEnd => ({ ...end, ...(ports !== undefined && { ports }) });
      return {
        action,
        ...(protocol !== undefined && { protocol }),
        source: direction === 'from' ? peer : NOTHING,
        destination: withPorts(direction === 'from' ? NOTHING : peer),
        http: false,
        annotations: {},
        path: rule.path,
      };
    }),
  );
}

function networkPolicyRules(
  rule: Fields,
  direction: 'from' | 'to',
  namespace: string,
): readonly PolicyRule[] {
  const peers = rule.list(direction).map((peer) => networkPolicyPeer(peer, namespace));
  const protocols = byProtocol(rule.list('ports').map(networkPolicyPort));
  return combined(direction, 'Allow', rule, { protocols, peers: peers.length === 0 ? [NOTHING] : peers });
}

function networkPolicyPeer(peer: Fields, namespace: string): RuleEnd {
  const block = peer.optional('ipBlock');
  if (block !== undefined) {
    return { nets: [block.net('cidr')], notNets: block.nets('except') };
  }
  const ofNamespaces = peer.optional('namespaceSelector');
  const scope = ofNamespaces === undefined ? inNamespace(namespace) : namespaces(ofNamespaces);
  return { ...NOTHING, selector: and(pods(peer.optional('podSelector')), scope) };
}

export interface PortOf {
  readonly protocol: number;
  /** Absent: every port. */
  readonly port?: Ports;
}

function networkPolicyPort(port: Fields): PortOf {
  const protocol = readProtocol(port, 'protocol') ?? PROTOCOL.TCP;
  const value = port.raw('port');
  if (value === undefined) return { protocol };
  if (typeof value === 'string' && !/^\d+$/.test(value))
    return { protocol, port: { ranges: [], names: [value] } };
  const from = Number(value);
  return { protocol, port: { ranges: [{ from, to: port.number('endPort') ?? from }], names: [] } };
}

/** Calico sorts the protocols of Kubernetes' policies by their names. */
const BY_NAME: readonly number[] = [PROTOCOL.SCTP, PROTOCOL.TCP, PROTOCOL.UDP];

/** Without ports, one rule for every protocol. */
export function byProtocol(ports: readonly (PortOf | undefined)[]): readonly ProtocolPorts[] {
  const given = ports.flatMap((port) => port ?? []);
  if (given.length === 0 || given.length < ports.length) return [{}];
  const groups = [...Map.groupBy(given, ({ protocol }) => protocol)];
  groups.sort(([a], [b]) => BY_NAME.indexOf(a) - BY_NAME.indexOf(b));
  return groups.map(([protocol, of]) => {
    const known = of.flatMap(({ port }) => (port === undefined ? [] : [port]));
    if (known.length < of.length) return { protocol };
    return {
      protocol,
      ports: { ranges: known.flatMap(({ ranges }) => ranges), names: known.flatMap(({ names }) => names) },
    };
  });
}

/** AdminNetworkPolicy and BaselineAdminNetworkPolicy of policy.networking.k8s.io. @throws FieldError */
export function readAdminNetworkPolicy(object: ObjectFields): StoredPolicy {
  const isBaseline = object.kind === 'BaselineAdminNetworkPolicy';
  const spec = object.fields.object('spec');
  const tier = isBaseline ? 'baselineadminnetworkpolicy' : 'adminnetworkpolicy';
  const actions: readonly Action[] = isBaseline ? ['Allow', 'Deny'] : ['Allow', 'Deny', 'Pass'];
  const order = isBaseline ? ORDER : spec.number('priority');
  if (order === undefined) throw new FieldError('spec.priority', 'is missing');
  return adminPolicy(object, {
    prefix: isBaseline ? 'kbanp' : 'kanp',
    tier,
    order,
    rules: (rule, direction) => adminRules(rule, direction, actions),
  });
}

interface AdminPolicy {
  /** The first part of the name by which Felix sorts. */
  readonly prefix: string;
  readonly tier: string;
  readonly order: number;
  readonly rules: (rule: Fields, direction: 'from' | 'to') => readonly PolicyRule[];
}

/** A policy of the cluster's administrator: in every kind of them, the subject is pods. */
export function adminPolicy(object: ObjectFields, { prefix, tier, order, rules }: AdminPolicy): StoredPolicy {
  const spec = object.fields.object('spec');
  const ingress = spec.list('ingress').flatMap((rule) => rules(rule, 'from'));
  const egress = spec.list('egress').flatMap((rule) => rules(rule, 'to'));
  return {
    ...base(object),
    sortName: `${prefix}.${tier}.${object.metadata.name}`,
    tier,
    order,
    // Host endpoints are no subjects, even where a negative requirement holds for them.
    selector: and(pods(undefined), adminPeer(spec.object('subject'))),
    // A policy without rules at all has no types, which Felix takes for both; its tier passes.
    types: {
      ingress: ingress.length > 0 || egress.length === 0,
      egress: egress.length > 0 || ingress.length === 0,
    },
    ingress,
    egress,
  };
}

function adminRules(
  rule: Fields,
  direction: 'from' | 'to',
  actions: readonly Action[],
): readonly PolicyRule[] {
  const action = actions.find((known) => known === rule.text('action'));
  if (action === undefined) throw new FieldError(rule.at('action'), `is none of ${actions.join(', ')}`);
  const peers = rule.list(direction).map((peer): RuleEnd => {
    if (peer.has('networks')) return { nets: peer.nets('networks'), notNets: [] };
    return { ...NOTHING, selector: adminPeer(peer) };
  });
  const name = rule.text('name');
  const annotations = name === '' ? {} : { name };
  const protocols = byProtocol(rule.list('ports').map(adminPort));
  return combined(direction, action, rule, { protocols, peers }).map((each) => ({ ...each, annotations }));
}

/** A subject or a peer: namespaces as a whole, or pods in them. */
export function adminPeer(peer: Fields): Selector {
  const whole = peer.optional('namespaces');
  const some = peer.optional('pods');
  if (whole !== undefined) return namespaces(whole);
  if (some === undefined) throw new FieldError(peer.path, 'needs namespaces or pods');
  return and(pods(some.object('podSelector')), namespaces(some.object('namespaceSelector')));
}

/** Calico 3.31 takes a port that it does not know, such as `namedPort`, for every port of every protocol. */
function adminPort(port: Fields): PortOf | undefined {
  const number = port.optional('portNumber');
  const range = port.optional('portRange');
  const given = number ?? range;
  if (given === undefined) return undefined;
  const from = given.number(number === undefined ? 'start' : 'port') ?? 0;
  const to = number === undefined ? (given.number('end') ?? from) : from;
  return {
    protocol: readProtocol(given, 'protocol') ?? PROTOCOL.TCP,
    port: { ranges: [{ from, to }], names: [] },
  };
}
