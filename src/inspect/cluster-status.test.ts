/** The operator's own writes, on a server in memory, and what is said of them. */
import { describe, expect, test } from '@jest/globals';
import type { Spec } from '../api/schema.ts';
import { ApiError } from '../cluster/errors.ts';
import type { FakeApiServer } from '../cluster/testing/fake-api-server.ts';
import { web } from '../compiler/testing/examples.ts';
import { kindResource } from '../controller/objects/kinds.ts';
import {
  blogCluster,
  firewallObject,
  namespaceObject,
  NAMESPACES,
  NODES,
} from '../controller/testing/calico-server.ts';
import { FIREWALLS } from '../controller/observe/firewalls.ts';
import { settled } from '../controller/testing/rounds.ts';
import { isUnknown, knownList } from './answer.ts';
import { clusterStatus, type ClusterStatus } from './cluster-status.ts';

const NOW = new Date(Date.UTC(2026, 0, 1));

const lookAt = (server: FakeApiServer): Promise<ClusterStatus> => clusterStatus(server, NOW);

const states = ({ namespaces }: ClusterStatus): readonly string[] =>
  knownList(namespaces).map(({ name, state, wanted, only, groups, exemptBy }) =>
    [name, state, only, wanted && `wanted ${wanted}`, ...groups, exemptBy].filter(Boolean).join(' '),
  );

const after = async (spec: Partial<Spec>): Promise<readonly string[]> => {
  const server = blogCluster(spec);
  await settled(server);
  return states(await lookAt(server));
};

const SYSTEM = [
  "clusterfirewall-system exempt the operator's own",
  'kube-system exempt defaults.exempt.systemNamespaces',
];

describe('namespaces', () => {
  test.each<[string, Partial<Spec>, readonly string[]]>([
    ['are enforced', {}, ['blog enforced', 'default enforced']],
    [
      'are named with their groups',
      { namespaces: [web, { name: 'all', everyNamespace: true }] },
      ['blog enforced default/blog default/all', 'default enforced default/all'],
    ],
    ['are observed', { mode: 'Observe' }, ['blog observed', 'default observed']],
    [
      'are observed by group',
      { namespaces: [{ ...web, mode: 'Observe' }] },
      ['blog observed default/blog', 'default enforced'],
    ],
    [
      'are enforced by group',
      { mode: 'Observe', namespaces: [{ ...web, mode: 'Enforce' }] },
      ['blog enforced default/blog', 'default observed'],
    ],
    [
      'are exempt',
      { defaults: { exempt: { names: ['blog'] } } },
      ['blog exempt defaults.exempt.names', 'default enforced'],
    ],
    [
      'are closed in one direction',
      { defaults: { deny: 'Egress' } },
      ['blog enforced egress', 'default enforced egress'],
    ],
    ['are open without a default deny', { defaults: { deny: 'None' } }, ['blog open', 'default open']],
  ])('%s', async (_, spec, wanted) => {
    const found = await after(spec);
    expect(found.filter((each) => !each.startsWith('kube-') && !each.startsWith('clusterf'))).toEqual(wanted);
    const [all] = spec.namespaces?.slice(1) ?? [];
    if (all === undefined) expect(found).toEqual(expect.arrayContaining(SYSTEM));
  });

  test('are what Calico has, and not what the spec says', async () => {
    const server = blogCluster({});
    await settled(server);
    server.put(FIREWALLS, firewallObject({ mode: 'Observe' }));
    expect(states(await lookAt(server))).toContain('blog enforced wanted observed');
    const policies = server.collection(kindResource('GlobalNetworkPolicy'));
    for (const key of policies.objects().keys()) policies.delete(key);
    expect(states(await lookAt(server))).toContain('blog open wanted observed');
  });

  test('stay closed for a firewall that is gone', async () => {
    const server = blogCluster({});
    await settled(server);
    server.collection(FIREWALLS).delete('default');
    expect(states(await lookAt(server))).toContain('blog enforced');
  });

  test('are not closed by a policy of others, nor by one whose selector is unreadable', async () => {
    const server = blogCluster({});
    await settled(server);
    const deny = server.object(kindResource('GlobalNetworkPolicy'), 'defaults-deny');
    const spec = deny['spec'] as object;
    server.put(kindResource('GlobalNetworkPolicy'), { ...deny, spec: { ...spec, namespaceSelector: '&&' } });
    expect(states(await lookAt(server))).toContain('blog open wanted enforced');
  });

  test('that are new are open until their labels say otherwise', async () => {
    const server = blogCluster({});
    await settled(server);
    server.put(NAMESPACES, namespaceObject('late'));
    expect(states(await lookAt(server))).toContain('late enforced');
  });
});

describe('nodes', () => {
  const nodeStates = ({ nodes }: ClusterStatus) =>
    knownList(nodes).map(({ name, state }) => `${name} ${state}`);

  test.each([
    ['Enforce', ['a enforced']],
    ['Observe', ['a observed']],
  ] as const)('in %s', async (mode, wanted) => {
    const server = blogCluster({ nodes: { mode } });
    await settled(server);
    expect(nodeStates(await lookAt(server))).toEqual(wanted);
    server.put(NODES, { metadata: { name: 'b' } });
    expect(nodeStates(await lookAt(server))).toEqual([...wanted, 'b open']);
  });

  test('are left out where no firewall has nodes', async () => {
    const server = blogCluster({});
    await settled(server);
    expect(nodeStates(await lookAt(server))).toEqual([]);
  });
});

describe('what may not be read', () => {
  const without = async (part: string): Promise<ClusterStatus> => {
    const server = blogCluster({ nodes: { mode: 'Enforce' } });
    await settled(server);
    server.fault = ({ path }) =>
      path.endsWith(`/${part}`) ? new ApiError({ code: 403, message: `no ${part}` }) : undefined;
    return lookAt(server);
  };

  test.each([
    ['clusterfirewalls', ['firewalls', 'namespaces', 'nodes']],
    ['globalnetworkpolicies', ['namespaces', 'nodes']],
    ['stagedglobalnetworkpolicies', ['namespaces']],
    ['namespaces', ['namespaces']],
    ['nodes', ['nodes']],
    ['hostendpoints', ['nodes']],
  ])('%s leaves %j unknown', async (part, missing) => {
    const status = await without(part);
    const parts = ['operator', 'firewalls', 'namespaces', 'nodes'] as const;
    expect(parts.filter((each) => isUnknown(status[each]))).toEqual(missing);
    expect(status.namespaces).toEqual(
      missing.includes('namespaces') ? { unknown: `no ${part}` } : expect.any(Array),
    );
  });
});
