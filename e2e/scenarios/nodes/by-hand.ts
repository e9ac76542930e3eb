/**
 * A node firewall written by hand. It proves the facts about Calico on which the compiler relies. The
 * compiler's own output may be arranged in another way. Sources are plain addresses, so only the rules
 * themselves are tested.
 */
import { CONTROL_PLANE, nodeAddress, POD_NETWORK, tunnelAddress } from '../../local/addresses.ts';

export interface CalicoObject {
  readonly apiVersion: 'projectcalico.org/v3';
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: object;
}

interface Rule {
  readonly action: 'Allow' | 'Pass' | 'Deny';
  readonly protocol?: string;
  readonly ipVersion?: 4 | 6;
  readonly source?: object;
  readonly destination?: object;
}

const NODES = ['control', 'worker', 'edge'] as const;
const TIER = 'by-hand';
export const GATE = 'by-hand/gate';
const LO = 'by-hand/lo';
const JUDGED = 'by-hand/judged';
const PROFILE = 'projectcalico-default-allow';
const TRANSPORTS = ['TCP', 'UDP', 'SCTP'] as const;

export function object(
  kind: string,
  name: string,
  spec: object,
  labels: Readonly<Record<string, string>> = {},
): CalicoObject {
  return { apiVersion: 'projectcalico.org/v3', kind, metadata: { name, labels }, spec };
}

/** preDNAT: sees NodePorts and hostPorts before translation, and all other incoming traffic. */
export const ports = (name: string, order: number, rules: readonly Rule[], selector = `has(${GATE})`) =>
  object('GlobalNetworkPolicy', `${TIER}.${name}-ports`, {
    ...{ tier: TIER, order, selector, types: ['Ingress'] },
    ...{ preDNAT: true, applyOnForward: true, ingress: rules },
  });

/** Sees traffic that is delivered to the node itself. */
export const host = (name: string, order: number, rules: readonly Rule[], selector = `has(${GATE})`) =>
  object('GlobalNetworkPolicy', `${TIER}.${name}-host`, {
    ...{ tier: TIER, order, selector, types: ['Ingress'], ingress: rules },
  });

export const both = (
  name: string,
  order: number,
  rules: readonly Rule[],
  selector?: string,
): readonly [CalicoObject, CalicoObject] => [
  ports(name, order, rules, selector),
  host(name, order, rules, selector),
];

/** Felix wants one IP family a rule. */
export function from(
  nets: readonly string[],
  action: Rule['action'],
  rest: Omit<Rule, 'action'> = {},
): readonly Rule[] {
  const families = [nets.filter((net) => !net.includes(':')), nets.filter((net) => net.includes(':'))];
  return families
    .filter((each) => each.length > 0)
    .map((each) => ({ action, ...rest, source: { nets: each } }));
}

const index = (node: string): number => NODES.findIndex((name) => name === node) + 1;
const own = (node: string): readonly string[] => {
  const [address, tunnel] = [nodeAddress(index(node)), tunnelAddress(index(node))];
  return [`${address.v4}/32`, `${address.v6}/128`, `${tunnel.v4}/32`, `${tunnel.v6}/128`];
};

const ALL_NODES = NODES.flatMap(own);
const PODS = [POD_NETWORK.v4, POD_NETWORK.v6];
const OFFICE = ['198.51.100.0/24', '2001:db8:1::/64'];
const TRUSTED = ['10.200.0.0/16', 'fd00:200::/64'];
/** Everything but nodes and pods, which are in neither. */
const WORLD = [
  ...['203.0.113.0/24', '2001:db8::/64', ...OFFICE, 'fe80::/10'],
  ...[`${CONTROL_PLANE.v4}/32`, `${CONTROL_PLANE.v6}/128`],
];

export const lo: readonly CalicoObject[] = [
  ...NODES.map((node) =>
    object('HostEndpoint', `${node}-lo`, { node, interfaceName: 'lo', profiles: [PROFILE] }, { [LO]: '' }),
  ),
  ...both('lo', 1, [{ action: 'Pass' }], `has(${LO})`),
];

export const hostEndpoints: readonly CalicoObject[] = NODES.map((node) =>
  object(
    'HostEndpoint',
    `${node}-all`,
    { node, interfaceName: '*', profiles: [PROFILE] },
    { [GATE]: '', role: node },
  ),
);

const tier = object('Tier', TIER, { order: 900, defaultAction: 'Pass' });
const judged = object('GlobalNetworkSet', 'judged', { nets: [...ALL_NODES, 'fe80::/10'] }, { [JUDGED]: '' });

const LOOPBACK = from(['127.0.0.0/8', '::1/128'], 'Deny');
/** From any source, because Felix later drops VXLAN from others than nodes. */
export const VXLAN: Rule = { action: 'Pass', protocol: 'UDP', destination: { ports: [4789] } };
export const overlay = ports('overlay', 10, [VXLAN]);

/** A NodePort's traffic goes on to a pod, where the pod's own policy applies. */
const WEB_PORTS = [30080, 30081, 8443];
const CONTROL_ONLY = [2379, 2380, 10250, 10257, 10259];

const tcp = (nets: readonly string[], numbers: readonly number[]): readonly Rule[] =>
  from(nets, 'Pass', { protocol: 'TCP' }).map((rule) => ({ ...rule, destination: { ports: numbers } }));

function amongNodes(protocols: readonly string[]): readonly CalicoObject[] {
  const rules = protocols.flatMap((protocol) =>
    from(ALL_NODES, 'Pass', { protocol }).map((rule) => ({
      ...rule,
      ...(protocol === 'TCP' ? { destination: { notPorts: CONTROL_ONLY } } : {}),
    })),
  );
  return both('nodes', 25, rules);
}

/** Replaces the rules that let nodes reach each other over UDP as well, VXLAN included. */
export const nodesByTcpAlone = amongNodes(['TCP']);

const zones: readonly CalicoObject[] = [
  ...both('world', 20, tcp(WORLD, [22, 80, 443]), `has(${GATE}) && role == 'edge'`),
  ...both('trusted', 21, from(TRUSTED, 'Pass')),
  ...both('office', 22, tcp(OFFICE, [6443, 22])),
  ...both('pods', 23, tcp(PODS, [6443])),
  ...both('control-plane', 24, tcp([...own('control'), `${CONTROL_PLANE.v4}/32`], [...CONTROL_ONLY, 6443])),
  ...amongNodes(TRANSPORTS),
  ports('opened', 26, tcp(OFFICE, WEB_PORTS)),
];

const bound = { selector: `has(${JUDGED})`, namespaceSelector: 'global()' };

/**
 * Traffic that neither comes from a pod nor goes to one, by port, on any address of a node. There is a rule
 * for each IP family. A range has a rule of its own, because nft up to 1.0.6 crashes when it replaces a rule
 * with a range among other ports ("BUG: unhandled op 2"). Felix then removes its tables.
 */
const onAnyAddress = (family: 4 | 6): readonly Rule[] =>
  ['30000:32767', 8443].map((port) => {
    const notNets = [family === 4 ? POD_NETWORK.v4 : POD_NETWORK.v6];
    const destination = { notNets, ports: [port] };
    return { action: 'Deny', protocol: 'TCP', source: { notNets }, destination };
  });

export const lastPorts = (families: readonly (4 | 6)[]): CalicoObject =>
  ports('deny', 100, [
    ...families.flatMap(onAnyAddress),
    ...TRANSPORTS.map((protocol): Rule => ({ action: 'Deny', protocol, destination: bound })),
  ]);

const last: readonly CalicoObject[] = [
  lastPorts([4, 6]),
  host(
    'deny',
    100,
    TRANSPORTS.map((protocol): Rule => ({ action: 'Deny', protocol })),
  ),
];

const allows: readonly CalicoObject[] = [...both('loopback', 2, LOOPBACK), overlay, ...zones];

/**
 * The pods behind NodePorts and hostPort. They are open to the office, and to nodes, whose addresses the
 * NodePort traffic of others has.
 */
export const podPolicy = object('GlobalNetworkPolicy', 'by-hand-web', {
  ...{ order: 200, types: ['Ingress'] },
  namespaceSelector: "projectcalico.org/name == 'shop'",
  ingress: from([...OFFICE, ...ALL_NODES], 'Allow', { protocol: 'TCP' }).map((rule) => ({
    ...rule,
    destination: { ports: [8080] },
  })),
});

/** Applies at the pod, because traffic of a pod to another node arrives with its node's address. */
const guardrail = object('GlobalNetworkPolicy', `${TIER}.guardrail`, {
  ...{ tier: TIER, order: 50, types: ['Egress'] },
  namespaceSelector: "projectcalico.org/name == 'tenant'",
  egress: [
    { action: 'Deny', protocol: 'TCP', destination: { ...bound, ports: CONTROL_ONLY } },
    { action: 'Pass' },
  ],
});

/** In the order in which they have to be written. */
export const firewall: readonly (readonly CalicoObject[])[] = [
  [tier],
  [podPolicy, guardrail, ...lo, ...allows],
  last,
  hostEndpoints,
  [judged],
];
