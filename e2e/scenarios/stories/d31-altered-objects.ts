import type { StartedCluster } from '../../cluster.ts';
import { conditions, program, served } from '../../harness/firewall.ts';
import { whileAltered, type Alteration } from '../../harness/mutating-policies.ts';
import { allowed, open, refused, type Row } from '../../harness/rows.ts';
import type { Stage } from '../../harness/pods-stage.ts';
import { expectTable } from '../../harness/sweep.ts';
import { betweenOpen, ownManifest, readManifest, type Story } from '../story.ts';

/** Pods that the rule `updates` does not select. */
const others: readonly Row[] = refused(['wordpress/db', 'wordpress/job'], ['outside/web'], [443]);
const closed: readonly Row[] = [
  ...refused(['shop/front'], ['wordpress/wp1'], [80]),
  ...refused(['wordpress/wp1'], ['outside/web'], [80]),
  ...refused(['outside/web'], ['wordpress/wp1'], [80]),
];
const kept: readonly Row[] = [
  ...allowed(['wordpress/wp1', 'wordpress/wp2'], ['outside/web'], [443]),
  ...allowed(['monitoring/prometheus'], ['monitoring/grafana'], [3000]),
];
/** Only the default deny selects these pods, for ingress. */
const strangers: readonly Row[] = refused(['outside/web'], ['edge/proxy1', 'mallory/big'], [443]);
const RIGHT = [...kept, ...closed, ...others, ...strangers];

const POLICY = 'globalnetworkpolicies.projectcalico.org/';

interface Case {
  readonly by: Alteration;
  /** The verdicts of packets while the object is altered. */
  readonly rows: readonly Row[];
}

/** Every pod of the namespace, and not only those of the rule. */
const WIDENED: Case = {
  by: {
    kind: 'GlobalNetworkPolicy',
    name: 'default-blog-egress-updates',
    op: 'replace',
    path: '/spec/selector',
    value: `"projectcalico.org/namespace == 'wordpress'"`,
  },
  rows: [...kept, ...closed, ...open(others), ...strangers],
};

const VOID: Case = {
  by: {
    kind: 'GlobalNetworkPolicy',
    name: 'default-defaults-deny',
    op: 'replace',
    path: '/spec/selector',
    value: '"!all()"',
  },
  rows: [...kept, ...closed, ...others, ...open(strangers)],
};

export const alteredObjects: Story = {
  id: 'D31',
  title:
    'admission of others that widens what is written: it passes, the status names it, and it is repaired',
  play: async (stage) => {
    const { cluster } = stage;
    const manifest = await readManifest(ownManifest('tenants.yaml'));
    await betweenOpen(stage, RIGHT, async () => {
      await program(cluster, manifest);
      await expectTable(stage, RIGHT);
      // One update, and one new object.
      await altered(stage, WIDENED, () => patchObject(cluster, WIDENED.by));
      await altered(stage, VOID, () => deleteObject(cluster, VOID.by));
    });
  },
};

async function altered(stage: Stage, { by, rows }: Case, provoke: () => Promise<unknown>): Promise<void> {
  const { cluster } = stage;
  await whileAltered(cluster, 'aggregated', by, async () => {
    await provoke();
    const { status } = await conditions(cluster, 'default', { Programmed: 'False', Ready: 'False' });
    const programmed = status?.conditions?.find(({ type }) => type === 'Programmed');
    const message = programmed?.message ?? '';
    if (programmed?.reason !== 'Altered' || !message.includes(by.name) || !message.includes('spec.selector'))
      throw new Error(`the status does not name ${by.name} and its field: ${JSON.stringify(programmed)}`);
    await expectTable(stage, rows);
  });
  await conditions(cluster, 'default', { Programmed: 'True', Ready: 'True' });
  await cluster.policiesProgrammed();
  await expectTable(stage, RIGHT);
}

/** The argument of kubectl that names the object. */
async function target(cluster: StartedCluster, { name }: Alteration): Promise<string> {
  const found = (await served(cluster)).find((id) => id.startsWith(POLICY) && id.includes(name));
  if (found === undefined) throw new Error(`there is no global policy called …${name}…`);
  return found;
}

async function deleteObject(cluster: StartedCluster, by: Alteration): Promise<void> {
  await cluster.kubectl(['delete', await target(cluster, by)]);
}

async function patchObject(cluster: StartedCluster, by: Alteration): Promise<void> {
  const patch = ['--type=merge', '--patch', '{"spec":{"order":999}}'];
  await cluster.kubectl(['patch', await target(cluster, by), ...patch]);
}
