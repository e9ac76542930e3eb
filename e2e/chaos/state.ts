/** The possible states of the firewall during a campaign as a few switches, and the manifest of each. */
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import type { Api } from '../local/control-plane/api.ts';
import { untilAccepted } from './api.ts';
import { FIREWALLS } from '../harness/paths.ts';

export interface State {
  /** False: the ClusterFirewall is deleted. */
  readonly present: boolean;
  /** The namespaces whose policies are staged. These drop no packets at the ends of flows there. */
  readonly observed: 'none' | 'app' | 'all';
  /** A rule that opens port 81 of app's web pods. */
  readonly admin: boolean;
  /** A zone of the nodes that opens port 8081. */
  readonly nodeAdmin: boolean;
  /** Name of the rule for port 80 of app's web pods. Renaming it replaces its objects. */
  readonly webRule: 'web' | 'site';
  /** Addresses of the peer `office`. More than 256 are several rules. */
  readonly office: 'few' | 'many';
  /** Number of additional rules of app, with two objects each, so that a reconcile takes a while. */
  readonly extraRules: number;
  /** True if namespace tenant carries the label of the group `teams`. */
  readonly tenant: boolean;
}

export const INITIAL: State = {
  present: true,
  observed: 'none',
  admin: false,
  nodeAdmin: false,
  webRule: 'web',
  office: 'few',
  extraRules: 0,
  tenant: false,
};

export const TENANT_LABELS = { team: 'yes' } as const;
export const FIREWALL = 'default';

const OFFICE = ['203.0.113.0/24', '2001:db8::/64'];
/** Calico's limit of nets in a rule. */
const MOST_NETS = 256;
const BRANCHES = Array.from(
  { length: MOST_NETS },
  (_, i) => `198.51.${String(100 + (i >> 7))}.${String((i % 128) * 2)}/31`,
);

const pods = (app: string) => ({ matchLabels: { app } });

function manifest(state: State): KubernetesObject {
  return {
    apiVersion: 'clusterfirewall.io/v1alpha1',
    kind: 'ClusterFirewall',
    metadata: { name: FIREWALL },
    spec: {
      mode: state.observed === 'all' ? 'Observe' : 'Enforce',
      peers: peers(state),
      namespaces: groups(state),
      nodes: nodes(state),
    },
  };
}

const peers = ({ office }: State): readonly object[] => [
  { name: 'ingress', pods: { namespaceSelector: { matchLabels: { role: 'ingress' } } } },
  { name: 'office', cidrs: office === 'many' ? [...OFFICE, ...BRANCHES] : OFFICE },
];

/** Nodes are enforced all the time, whatever becomes of the pods. */
const nodes = ({ nodeAdmin }: State): object => ({
  mode: 'Enforce',
  nodeCIDRs: ['10.99.0.0/24', 'fd00:99::/64'],
  zones: [
    {
      name: 'office',
      from: [{ peer: 'office' }],
      allow: { ports: [8080, '5001/UDP', ...(nodeAdmin ? [8081] : [])] },
    },
  ],
});

function groups(state: State): readonly object[] {
  const web = (name: string, port: number) => rule(name, 'web', 'ingress', port);
  return [
    {
      name: 'app',
      namespaces: ['app'],
      ...(state.observed === 'app' ? { mode: 'Observe' } : {}),
      ingress: [
        web(state.webRule, 80),
        ...(state.admin ? [web('admin', 81)] : []),
        ...Array.from({ length: state.extraRules }, (_, i) => web(`extra-${String(i)}`, 9000 + i)),
        rule('sync', 'web', 'office', '5000/UDP'),
      ],
      connections: [{ name: 'db', fromPods: pods('web'), toPods: pods('db'), ports: [3306] }],
    },
    {
      name: 'calm',
      namespaces: ['calm'],
      ingress: [rule('api', 'api', 'ingress', 80)],
      connections: [{ name: 'api', fromPods: pods('client'), toPods: pods('api'), ports: [80, '5000/UDP'] }],
    },
    { name: 'contested', namespaces: ['contested'], ingress: [rule('web', 'web', 'ingress', 80)] },
    {
      name: 'teams',
      namespaceSelector: { matchLabels: TENANT_LABELS },
      connections: [{ name: 'db', fromPods: pods('client'), toPods: pods('db'), ports: [3306] }],
    },
  ];
}

const rule = (name: string, app: string, peer: string, port: number | string) => ({
  name,
  pods: pods(app),
  from: [{ peer }],
  ports: [port],
});

/** Resolves when the API server has accepted the manifest of the state. */
export const applyState = (api: Api, state: State): Promise<void> =>
  untilAccepted('the API server to accept the ClusterFirewall', () =>
    api.apply(`${FIREWALLS}/${FIREWALL}`, manifest(state)),
  );
