/** Objects of others that open nodes. Packets pass, and the status says so. */
import type { StartedCluster } from '../../cluster.ts';
import { apply as applyFirewall, getFirewall, type Firewall } from '../../harness/firewall.ts';
import { waitFor } from '../../wait.ts';
import { readManifest } from '../story.ts';
import { object, type CalicoObject } from './by-hand.ts';
import { expectTables, type Tables } from './matrix.ts';
import { enforced } from './node-state.ts';
import { apply, remove } from './objects.ts';
import type { NodeStage } from './stage.ts';

/** `9999` is a port that no zone opens to the world. */
const table = (world: string): Tables => ({
  edge: `
                   9999  443
    world             ${world}    +
    worker            +    +`,
});
const CLOSED = table('-');
const OPENED = table('+');
/** At addresses that nobody listed, only the second layer is asked. */
const OPENED_UNLISTED: Tables = { edge: `${CLOSED['edge'] ?? ''}\n    world@vip,nic2    +    +` };
/** Where no node is enforced. */
const OPEN: Tables = {
  edge: `
                   9999 10250
    world             +     +
    worker            +     +`,
};

/** Its rules are asked before ours. Other packets go on to ours. */
const TIER = object('Tier', 'security', { order: 50, defaultAction: 'Pass' });
const ofTier = (name: string, spec: object): CalicoObject =>
  object('GlobalNetworkPolicy', `security.${name}`, {
    ...{ tier: 'security', order: 1, selector: 'has(clusterfirewall.io/gate)', types: ['Ingress'] },
    ...spec,
  });
const ALLOW = { ingress: [{ action: 'Allow' }] };
/** With the address of `world`, wherever the node is. */
const STRANGER = object(
  'HostEndpoint',
  'stranger',
  { node: 'elsewhere', interfaceName: 'eth0', expectedIPs: ['203.0.113.10', '2001:db8::10'] },
  { 'clusterfirewall.io/set': 'nodes' },
);

interface Opening {
  readonly what: string;
  readonly objects: readonly CalicoObject[];
  readonly tables: Tables;
  readonly reason: string;
  /** Parts of the message. */
  readonly named: readonly string[];
}

const OPENINGS: readonly Opening[] = [
  {
    what: 'a policy before translation in an earlier tier',
    objects: [TIER, ofTier('hosts', { ...ALLOW, preDNAT: true, applyOnForward: true })],
    tables: OPENED,
    reason: 'ForeignPolicySelectsHosts',
    named: ['GlobalNetworkPolicy/security.hosts', 'may let in', 'security'],
  },
  {
    what: 'an ordinary policy in an earlier tier, which only our second layer comes after',
    objects: [TIER, ofTier('hosts', ALLOW)],
    tables: OPENED_UNLISTED,
    reason: 'ForeignPolicySelectsHosts',
    named: ['GlobalNetworkPolicy/security.hosts'],
  },
  {
    what: 'a host endpoint that says that it is a node',
    objects: [STRANGER],
    tables: OPENED,
    reason: 'EndpointConflict',
    named: ['HostEndpoint/stranger', 'expectedIPs'],
  },
];

/** The firewall that the caller has removed may be any. Leaves this one in force. */
export async function foreignAtNodes(stage: NodeStage): Promise<void> {
  const { cluster } = stage;
  const manifest = await readManifest('config/samples/s08-zone-public.yaml');
  const [first] = OPENINGS;
  if (first === undefined) throw new Error('no opening');
  // Whatever is there first keeps every node out of the rules.
  await apply(cluster, first.objects);
  await applyFirewall(cluster, manifest);
  await isNamed(cluster, first, '0/3');
  await expectTables(stage, OPEN);
  await remove(cluster, first.objects.toReversed());
  await enforced(cluster, '3/3');
  await expectTables(stage, CLOSED);

  for (const opening of OPENINGS) {
    await apply(cluster, opening.objects);
    try {
      await isNamed(cluster, opening, '3/3');
      await cluster.policiesProgrammed();
      await expectTables(stage, opening.tables);
    } finally {
      await remove(cluster, opening.objects.toReversed());
    }
    await enforced(cluster, '3/3');
    await expectTables(stage, CLOSED);
  }
}

/** @param summary of enforced nodes: those that were enforced before stay so */
async function isNamed(
  cluster: StartedCluster,
  { what, reason, named }: Opening,
  summary: string,
): Promise<void> {
  let last: Firewall | undefined;
  await waitFor(
    async () => {
      last = await getFirewall(cluster, 'default');
      const { conditions = [], nodes } = last.status ?? {};
      const found = conditions.find(({ type }) => type === 'NodesEnforced');
      const isSaid =
        found?.status === 'False' &&
        found.reason === reason &&
        named.every((part) => found.message.includes(part)) &&
        conditions.some(({ type, status }) => type === 'Ready' && status === 'False');
      return (isSaid && nodes?.summary === summary) || undefined;
    },
    {
      what: `${what}: named, with ${summary} nodes enforced`,
      within: 90_000,
      explain: () => Promise.resolve(JSON.stringify(last?.status, null, 1)),
    },
  );
}
