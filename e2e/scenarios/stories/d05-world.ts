import { allowed, refused, type Row } from '../../harness/rows.ts';
import type { Stage } from '../../harness/pods-stage.ts';
import { ownManifest, scenario } from '../story.ts';
import { expectTable } from '../../harness/sweep.ts';

const WORDPRESS = ['wordpress/wp1', 'wordpress/wp2'] as const;

const rows: readonly Row[] = [
  ...allowed(WORDPRESS, ['outside/web'], [80, 443, '53/UDP']),
  ...allowed(WORDPRESS, ['outside/vm'], [22, 5432]),
  ...allowed(['outside/web', 'outside/vm'], WORDPRESS, [80, 81, 11011]),

  ...refused(
    WORDPRESS,
    ['node/node1', 'node/node2', 'shop/front', 'shop/cart', 'mallory/nodes', 'mallory/big'],
    [80],
  ),
  ...refused(['wordpress/wp1'], ['wordpress/wp2'], [80]),
  ...refused(WORDPRESS, ['wordpress/db'], [3306]),
  // Exempt pods are pods.
  ...refused(WORDPRESS, ['kube-public/info', 'tigera-operator/operator'], [8080]),
  ...refused(['shop/front', 'shop/cart', 'edge/proxy1', 'mallory/nodes', 'mallory/big'], WORDPRESS, [80]),
  ...refused(['kube-system/metrics', 'kube-public/info'], WORDPRESS, [80]),
  ...refused(['node/node1'], ['wordpress/wp2'], [80, 81]),
  ...refused(['node/node2'], ['wordpress/wp1'], [80, 81]),
  ...refused(WORDPRESS, ['outside/metadata'], [80]),
  ...refused(['outside/web'], ['wordpress/db', 'shop/front'], [80]),
];

/** With the addresses of outside/web among those of a node. */
const renumbered: readonly Row[] = [
  ...allowed(WORDPRESS, ['outside/vm'], [22, 443]),
  ...refused(WORDPRESS, ['outside/web'], [80, 443]),
  ...refused(['outside/web'], WORDPRESS, [80]),
];

const whileRenumbered = async (stage: Stage): Promise<void> => {
  await withNodeAddresses(stage, 'node2', stage.addresses('outside/web'), () =>
    expectTable(stage, renumbered),
  );
  await expectTable(stage, rows);
};

export const world = scenario({
  id: 'D5',
  title: 'World is the outside: no pod, exempt or not, and no node, also not by an address it got later',
  manifest: ownManifest('world.yaml'),
  rows,
  during: whileRenumbered,
});

export const addressRanges = scenario({
  id: 'D28',
  title: 'addresses in a rule mean no pod and no node, however large their range',
  manifest: ownManifest('address-ranges.yaml'),
  rows,
  during: whileRenumbered,
});

interface Node {
  readonly status: { readonly addresses: readonly { readonly type: string; readonly address: string }[] };
}

async function withNodeAddresses(
  { cluster }: Stage,
  name: string,
  more: readonly string[],
  look: () => Promise<void>,
): Promise<void> {
  const { status } = JSON.parse(await cluster.kubectl(['get', 'node', name, '--output', 'json'])) as Node;
  const set = (addresses: Node['status']['addresses']): Promise<string> => {
    const patch = JSON.stringify({ status: { addresses } });
    return cluster.kubectl(['patch', 'node', name, '--subresource=status', '--type=merge', '--patch', patch]);
  };
  await set([...status.addresses, ...more.map((address) => ({ type: 'ExternalIP', address }))]);
  try {
    await look();
  } finally {
    await set(status.addresses);
  }
}

/** Addresses of another CNI, or of a pool that was replaced. Pods keep theirs. */
export const worldWithoutPools = scenario({
  id: 'D5',
  title: 'World has no pod in it, also where Calico’s pools do not have the pods’ addresses',
  manifest: ownManifest('world.yaml'),
  rows,
  during: (stage) => withOtherPools(stage, () => expectTable(stage, rows)),
});

interface Pools {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly cidr: string };
  }[];
}

/** Written to the storage, because Calico's API does not let a pool change its CIDR. */
async function withOtherPools({ cluster }: Stage, look: () => Promise<void>): Promise<void> {
  const list = await cluster.kubectl(['get', 'ippools.crd.projectcalico.org', '--output', 'json']);
  const pools = (JSON.parse(list) as Pools).items;
  const set = async (name: string, cidr: string): Promise<void> => {
    const patch = JSON.stringify({ spec: { cidr } });
    await cluster.kubectl(['patch', 'ippools.crd.projectcalico.org', name, '--type=merge', '--patch', patch]);
  };
  for (const { metadata, spec } of pools) {
    await set(metadata.name, spec.cidr.includes(':') ? 'fd00:250::/48' : '10.250.0.0/16');
  }
  try {
    await cluster.policiesProgrammed();
    await look();
  } finally {
    for (const { metadata, spec } of pools) await set(metadata.name, spec.cidr);
  }
}
