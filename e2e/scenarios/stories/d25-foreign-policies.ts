import type { Status } from '../../../src/api/status.ts';
import type { StartedCluster } from '../../cluster.ts';
import { apply, getFirewall, program } from '../../harness/firewall.ts';
import { allowed, type Row } from '../../harness/rows.ts';
import type { Stage } from '../../harness/pods-stage.ts';
import { expectTable } from '../../harness/sweep.ts';
import { waitFor } from '../../wait.ts';
import { betweenOpen, type Story } from '../story.ts';

const OUT: readonly Row[] = allowed(['shop/front'], ['outside/web'], [80, 443]);
const IN: readonly Row[] = allowed(['outside/web', 'wordpress/wp1'], ['shop/front'], [80]);
const METADATA: readonly Row[] = allowed(['shop/front'], ['outside/metadata'], [80]);
const closed = (...rows: readonly Row[]): readonly Row[] =>
  rows.map((row) => ({ ...row, expect: 'refused' }));

const ALLOW = [{ action: 'Allow' }];
const PASS = [{ action: 'Pass' }];
const BOTH = { selector: 'all()', types: ['Ingress', 'Egress'] };
const EVERYTHING = { ...BOTH, ingress: ALLOW, egress: ALLOW };
const calico = (kind: string, name: string, spec: object, metadata: object = {}) => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { name, ...metadata },
  spec,
});
const tier = (order: number) => [
  calico('Tier', 'security', { order, defaultAction: 'Deny' }),
  calico('GlobalNetworkPolicy', 'security.all', { tier: 'security', order: 1, ...EVERYTHING }),
];
const ofTier = 'GlobalNetworkPolicy/security.all';
const ofDefault = 'GlobalNetworkPolicy/theirs';
const inDefault = (spec: object) => [calico('GlobalNetworkPolicy', 'theirs', spec)];
const GUARDRAILS_HOLD = [...OUT, ...IN, ...closed(...METADATA)];
const NAMESPACES = ['shop', 'wordpress'];

interface Opening {
  readonly what: string;
  readonly objects: readonly object[];
  readonly rows: readonly Row[];
  /** The object that the status names; undefined for tenants' policies, which it counts. */
  readonly named?: string;
}

const IN_TIERS: readonly Opening[] = [
  {
    what: 'a tier before ours, which also comes before guardrails',
    objects: tier(10),
    rows: [...OUT, ...IN, ...METADATA],
    named: ofTier,
  },
  { what: 'a tier between ours and default', objects: tier(950), rows: GUARDRAILS_HOLD, named: ofTier },
  {
    what: 'an AdminNetworkPolicy, which comes after guardrails',
    objects: [
      {
        apiVersion: 'policy.networking.k8s.io/v1alpha1',
        kind: 'AdminNetworkPolicy',
        metadata: { name: 'open' },
        spec: {
          priority: 1,
          subject: { namespaces: {} },
          ingress: [{ action: 'Allow', from: [{ namespaces: {} }] }],
          egress: [{ action: 'Allow', to: [{ networks: ['0.0.0.0/0', '::/0'] }] }],
        },
      },
    ],
    rows: [...OUT, ...allowed(['wordpress/wp1'], ['shop/front'], [80]), ...closed(...METADATA)],
    named: 'AdminNetworkPolicy/open',
  },
];

const IN_DEFAULT: readonly Opening[] = [
  {
    what: 'an Allow in tier default, before our policies',
    objects: inDefault({ order: 1, ...EVERYTHING }),
    rows: GUARDRAILS_HOLD,
    named: ofDefault,
  },
  {
    what: 'an Allow in tier default, after the default deny',
    objects: inDefault({ order: 5000, ...EVERYTHING }),
    rows: GUARDRAILS_HOLD,
    named: ofDefault,
  },
  {
    what: 'an Allow in tier default without an order',
    objects: inDefault(EVERYTHING),
    rows: GUARDRAILS_HOLD,
    named: ofDefault,
  },
  {
    what: 'a Pass in tier default',
    objects: inDefault({ ...BOTH, ingress: PASS, egress: PASS }),
    rows: GUARDRAILS_HOLD,
    named: ofDefault,
  },
  {
    what: "Kubernetes' NetworkPolicies of tenants",
    objects: NAMESPACES.map((namespace) => ({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'open', namespace },
      spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'], ingress: [{}], egress: [{}] },
    })),
    rows: GUARDRAILS_HOLD,
  },
  {
    what: "Calico's NetworkPolicies of tenants",
    objects: NAMESPACES.map((namespace) => calico('NetworkPolicy', 'open', EVERYTHING, { namespace })),
    rows: GUARDRAILS_HOLD,
  },
];

let specs = 0;
/** A new spec is answered at once, so the story need not wait for the minute in which the status is held. */
function manifest(): string {
  specs += 1;
  const peers = [{ name: 'n', cidrs: [`198.51.100.${String(specs)}/32`] }];
  return JSON.stringify({
    apiVersion: 'clusterfirewall.io/v1alpha1',
    kind: 'ClusterFirewall',
    metadata: { name: 'default' },
    spec: { mode: 'Enforce', peers },
  });
}

async function statusThat(
  cluster: StartedCluster,
  wanted: (status: Status) => boolean,
  what: string,
): Promise<Status> {
  await apply(cluster, manifest());
  let last: Status | undefined;
  return waitFor(
    async () => {
      const { metadata, status } = await getFirewall(cluster, 'default');
      last = status;
      const isCurrent = status?.observedGeneration === metadata.generation;
      return isCurrent && isTrue(status, 'Ready') && wanted(status) ? status : undefined;
    },
    { what, within: 60_000, explain: () => Promise.resolve(JSON.stringify(last, null, 1)) },
  );
}

const isTrue = (status: Status, type: string): boolean =>
  status.conditions?.some((each) => each.type === type && each.status === 'True') === true;

/** While packets pass, the status says so together with Ready. */
async function expectNamed(cluster: StartedCluster, { what, named }: Opening): Promise<void> {
  if (named === undefined) {
    const counts = (status: Status): boolean =>
      status.namespacePolicies?.policies === NAMESPACES.length && !isTrue(status, 'ForeignPolicies');
    await statusThat(cluster, counts, `${what}: counted, without a condition`);
    return;
  }
  const names = (status: Status): boolean =>
    isTrue(status, 'ForeignPolicies') &&
    status.foreign?.[0]?.object === named &&
    status.conditions?.find(({ type }) => type === 'Ready')?.message.startsWith(named) === true;
  await statusThat(cluster, names, `${what}: ${named} is named`);
}

async function whileOpen({ cluster }: Stage, { objects }: Opening, look: () => Promise<void>): Promise<void> {
  for (const object of objects)
    await cluster.kubectl(['apply', '--filename', '-'], { input: JSON.stringify(object) });
  try {
    await cluster.policiesProgrammed();
    await look();
  } finally {
    for (const object of objects.toReversed())
      await cluster.kubectl(['delete', '--filename', '-'], { input: JSON.stringify(object) });
    await cluster.policiesProgrammed();
  }
}

async function endOfDefault(cluster: StartedCluster, defaultAction: 'Deny' | 'Pass'): Promise<void> {
  const patch = JSON.stringify({ spec: { defaultAction } });
  await cluster.kubectl(['patch', 'tiers.projectcalico.org', 'default', '--type=merge', '--patch', patch]);
  await cluster.policiesProgrammed();
}

const CLOSED = closed(...OUT, ...IN, ...METADATA);

async function play(stage: Stage, openings: readonly Opening[], more?: () => Promise<void>): Promise<void> {
  const { cluster } = stage;
  await betweenOpen(stage, CLOSED, async () => {
    await program(cluster, manifest());
    await expectTable(stage, CLOSED);
    for (const opening of openings) {
      await whileOpen(stage, opening, async () => {
        await expectTable(stage, opening.rows);
        await expectNamed(cluster, opening);
      });
      await expectTable(stage, CLOSED);
    }
    await more?.();
    const silent = ({ foreign, namespacePolicies }: Status): boolean =>
      foreign === undefined && namespacePolicies === undefined;
    await statusThat(cluster, silent, 'nothing left to say');
  });
}

export const foreignTiers: Story = {
  id: 'D25',
  title: 'what others open in tiers before the default deny passes, and the status says so',
  play: async (stage) => {
    await play(stage, IN_TIERS);
  },
};

export const foreignPolicies: Story = {
  id: 'D27',
  title: 'what others open in tier default, or by its end, passes, and the status says so',
  play: async (stage) => {
    const { cluster } = stage;
    await play(stage, IN_DEFAULT, async () => {
      await endOfDefault(cluster, 'Pass');
      try {
        await expectTable(stage, GUARDRAILS_HOLD);
        await expectNamed(cluster, { what: 'its end passes', objects: [], rows: [], named: 'Tier/default' });
      } finally {
        await endOfDefault(cluster, 'Deny');
      }
      await expectTable(stage, CLOSED);
    });
  },
};
