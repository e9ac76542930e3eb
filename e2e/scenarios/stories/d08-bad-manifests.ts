import { KubectlError } from '../../errors.ts';
import { apply, conditions, program } from '../../harness/firewall.ts';
import { allowed, refused, type Row } from '../../harness/rows.ts';
import type { Stage } from '../../harness/pods-stage.ts';
import { betweenOpen, ownManifest, readManifest, type Story } from '../story.ts';
import { expectTable } from '../../harness/sweep.ts';

const WORDPRESS = ['wordpress/wp1', 'wordpress/wp2'] as const;
const PROXIES = ['edge/proxy1', 'edge/proxy2'] as const;

const rows: readonly Row[] = [
  ...allowed(PROXIES, WORDPRESS, [80]),
  ...refused(PROXIES, WORDPRESS, [81, 11011]),
  ...refused(['shop/front', 'shop/cart', 'outside/web'], WORDPRESS, [80, 81]),
  ...refused(WORDPRESS, ['outside/web'], [443]),
];

/** The badly edited rule keeps its old meaning, and the new rule next to it is enforced. */
const withNewRule: readonly Row[] = [
  ...allowed(PROXIES, WORDPRESS, [80, 81]),
  ...refused(PROXIES, WORDPRESS, [11011]),
  ...refused(['shop/front', 'shop/cart', 'outside/web'], WORDPRESS, [80, 81]),
  ...refused(WORDPRESS, ['outside/web'], [443]),
];

export const badManifests: Story = {
  id: 'D8',
  title:
    'a bad manifest changes nothing, a bad rule nothing but itself, also for an operator that starts with it',
  play: async (stage) => {
    await betweenOpen(stage, rows, async () => {
      const good = await readManifest(ownManifest('good.yaml'));
      await program(stage.cluster, good);
      await expectTable(stage, rows);

      await expectRefused(stage, good.replace('ports: [80]', 'ports: [0]'), 'ports[0]');
      await expectRefused(stage, good.replace('from: [{ peer: proxies }]', 'from: []'), 'from');
      await expectRefused(stage, good.replace('mode: Enforce', 'mode: Enforced'), 'spec.mode');
      await expectTable(stage, rows);

      await badSpec(stage);
      await oneBadRule(stage);
    });
  },
};

async function expectRefused({ cluster }: Stage, manifest: string, names: string): Promise<void> {
  const refusal = await apply(cluster, manifest).then(
    () => 'nothing: it was accepted',
    (error: unknown) => {
      if (error instanceof KubectlError) return error.stderr;
      throw error;
    },
  );
  if (!refusal.includes(names))
    throw new Error(`the API server should have refused ${names}; it said: ${refusal}`);
}

async function badSpec(stage: Stage): Promise<void> {
  await apply(stage.cluster, await readManifest(ownManifest('bad-spec.yaml')));
  const wanted = { Accepted: 'False', Ready: 'False' } as const;
  const { status } = await conditions(stage.cluster, 'default', wanted);
  const message = status?.conditions?.find(({ type }) => type === 'Accepted')?.message ?? '';
  if (!message.includes('spec.peers[1].cidrs[0]'))
    throw new Error(`Accepted should name the field: ${message}`);
  await expectTable(stage, rows);
  await stage.restartOperator();
  await conditions(stage.cluster, 'default', wanted);
  await expectTable(stage, rows);
}

async function oneBadRule(stage: Stage): Promise<void> {
  await apply(stage.cluster, await readManifest(ownManifest('one-bad-rule.yaml')));
  const wanted = { Accepted: 'True', PartiallyInvalid: 'True', Programmed: 'True', Ready: 'False' } as const;
  const { status } = await conditions(stage.cluster, 'default', wanted);
  const problem = status?.problems?.find(({ reason }) => reason === 'UnknownPeer');
  if (problem?.rule !== 'default/blog/ingress/web') {
    throw new Error(`status.problems should name the rule: ${JSON.stringify(status?.problems)}`);
  }
  await expectTable(stage, withNewRule);
  await stage.restartOperator();
  await conditions(stage.cluster, 'default', wanted);
  await expectTable(stage, withNewRule);
}
