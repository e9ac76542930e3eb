/** ClusterFirewalls whose spec an API server or a comparing tool could change. */
import type { KubernetesObject } from './argo.ts';

type Rule = Readonly<Record<string, unknown>>;

const rule = (extra: Rule = {}): Rule => ({
  name: 'web',
  pods: { matchLabels: { app: 'web' } },
  from: [{ ipBlock: { cidr: '198.51.100.0/24' } }],
  ports: [80],
  ...extra,
});

const withRule = (extra: Rule): object => ({
  namespaces: [{ name: 'blog', namespaces: ['wordpress'], ingress: [rule(extra)] }],
});

/** The ClusterFirewall `default` with a mode and the given fields. */
export const firewall = (spec: object = {}): KubernetesObject => ({
  apiVersion: 'clusterfirewall.io/v1alpha1',
  kind: 'ClusterFirewall',
  metadata: { name: 'default' },
  spec: { mode: 'Enforce', ...spec },
});

const withGuardrail = (pods: object): object => ({
  guardrails: [{ name: 'no-corp', pods, to: [{ ipBlock: { cidr: '172.16.0.0/12' } }], ports: ['All'] }],
});

const withPeers = (...peers: readonly object[]): object => ({ peers });

const withConnection = (fromPods: object, toPods: object): object => ({
  namespaces: [
    {
      name: 'blog',
      namespaces: ['wordpress'],
      connections: [{ name: 'db', fromPods, toPods, ports: [3306] }],
    },
  ],
});

const withNodes = (nodes: object): object => ({ nodes: { mode: 'Observe', ...nodes } });
const etcd = { name: 'etcd', cidrs: ['203.0.113.0/29'] };
const withDns = (dns: object): object => ({ defaults: { dns } });
const app = { matchLabels: { app: 'web' } };

/**
 * In order: each is synced over the one before it, so the change of a field is tested as well as its value.
 */
export const edgeCases: readonly { readonly what: string; readonly spec: object }[] = Object.entries({
  'nothing but a mode': {},
  'lists in some order': {
    peers: ['b', 'a'].map((name) => ({ name, cidrs: ['203.0.113.0/24', '198.51.100.0/24'] })),
    namespaces: [
      {
        name: 'second',
        namespaces: ['zoo', 'ant'],
        ingress: [rule({ from: [{ peer: 'b' }, { peer: 'a' }] })],
      },
      { name: 'first', namespaces: ['bee'] },
    ],
  },
  'the same lists in another order': {
    peers: ['a', 'b'].map((name) => ({ name, cidrs: ['198.51.100.0/24', '203.0.113.0/24'] })),
    namespaces: [
      { name: 'first', namespaces: ['bee'] },
      {
        name: 'second',
        namespaces: ['ant', 'zoo'],
        ingress: [rule({ from: [{ peer: 'a' }, { peer: 'b' }] })],
      },
    ],
  },
  'a group by names': withRule({}),
  'a port as a string': withRule({ ports: ['80'] }),
  'ports of every kind': withRule({ ports: ['80/tcp', '30000-32767/UDP', 443, 'ICMP', '9090/SCTP'] }),
  'an address that could be written shorter': withRule({
    from: [{ ipBlock: { cidr: '2001:DB8:0:0::/32', except: ['2001:db8:1::/48'] } }],
  }),
  'a rule renamed': withRule({ name: 'site' }),
  'a selector that becomes everything': withRule({
    name: 'site',
    pods: {},
    from: [{ pods: { podSelector: {} } }],
  }),
  'and expressions': withRule({
    name: 'site',
    pods: {
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['b', 'a'] },
        { key: 'x', operator: 'Exists' },
      ],
    },
  }),
  'a group that becomes one by labels': {
    namespaces: [{ name: 'blog', namespaceSelector: { matchLabels: { blog: 'yes' } }, ingress: [rule()] }],
  },
  'ranges of machines that join': withNodes({ nodeCIDRs: ['10.99.0.0/24'] }),
  'and none': withNodes({ nodeCIDRs: [] }),
  'and not said': withNodes({}),
  'and two ranges': withNodes({ nodeCIDRs: ['10.99.0.0/24', 'fd00:99::/64'] }),
  'and not said at once': withNodes({}),
  'members of etcd': { ...withPeers(etcd), ...withNodes({ etcd: [{ peer: 'etcd' }] }) },
  'and none of them': { ...withPeers(etcd), ...withNodes({ etcd: [] }) },
  'and the list not said': { ...withPeers(etcd), ...withNodes({}) },
  'and no nodes': {},
  'a connection': withConnection(app, {}),
  'and turned round': withConnection({}, app),
  'a guardrail for some pods': withGuardrail({ podSelector: app }),
  'and for all': withGuardrail({}),
  'a peer of some namespaces': withPeers({ name: 'p', pods: { namespaceSelector: app } }),
  'and of all': withPeers({ name: 'p', pods: { namespaceSelector: {} } }),
  'and of addresses': withPeers({ name: 'p', cidrs: ['203.0.113.0/24'] }),
  'a group without rules': { namespaces: [{ name: 'blog', namespaces: ['wordpress'], ingress: [] }] },
  'and without the group': {},
  'a DNS server of its own': withDns({ namespaceSelector: app, nodeLocal: ['169.254.20.11'] }),
  'and without a cache on the nodes': withDns({ namespaceSelector: {}, nodeLocal: [] }),
  'and the default': {},
  'defaults said': { deletionPolicy: 'Remove', defaults: { deny: 'Both', exempt: { names: ['a'] } } },
  'and with nothing exempt': { defaults: { exempt: { names: [] } } },
  'and emptied': { deletionPolicy: 'Remove', defaults: { exempt: {}, dns: {}, metadataAPI: {} } },
  'and wholly': { defaults: {} },
}).map(([what, spec]) => ({ what, spec }));

/** Lists of named items. Server-side apply owns the items one by one. */
export const emptyLists = { peers: [], guardrails: [], namespaces: [] };
/** The same lists with one item each. */
export const filledLists = {
  peers: [{ name: 'p', cidrs: ['203.0.113.0/24'] }],
  ...withGuardrail({}),
  ...withRule({}),
};

export const badRule = withRule({ from: [{ peer: 'nobody' }] });
/** Valid for the API server, which does not compare the two ends. */
export const invalid = withRule({ ports: ['8000-80'] });
