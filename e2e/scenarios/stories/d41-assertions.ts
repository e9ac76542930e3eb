import { dump, load } from 'js-yaml';
import { apply, conditions, program, served } from '../../harness/firewall.ts';
import { allowed, open, refused } from '../../harness/rows.ts';
import type { Stage } from '../../harness/pods-stage.ts';
import { expectTable } from '../../harness/sweep.ts';
import { waitFor } from '../../wait.ts';
import { betweenOpen, ownManifest, readManifest, type Story } from '../story.ts';

const ROWS = [
  ...allowed(['wordpress/wp1', 'wordpress/wp2'], ['wordpress/db'], [3306]),
  ...refused(['shop/front', 'shop/cart'], ['wordpress/db'], [3306]),
  ...refused(['outside/web'], ['wordpress/wp1'], [80]),
];

/** The rule would open both rows of shop. */
const FROM_SHOP = {
  name: 'shop',
  pods: {},
  from: [{ pods: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } } } }],
  ports: [3306],
};

interface Manifest {
  readonly spec: { readonly namespaces: readonly object[] };
}

export const assertions: Story = {
  id: 'D41',
  title:
    'a change that would break an assertion leaves every flow as it was, also after a restart; Observe is not held back',
  play: (stage) => betweenOpen(stage, ROWS, () => play(stage)),
};

async function play(stage: Stage): Promise<void> {
  const { cluster } = stage;
  const text = await readManifest(ownManifest('d41-assertions.yaml'));
  await program(cluster, text);
  await expectTable(stage, ROWS);

  const manifest = load(text) as Manifest;
  const [blog] = manifest.spec.namespaces;
  const spec = { ...manifest.spec, namespaces: [{ ...blog, ingress: [FROM_SHOP] }] };
  await apply(cluster, dump({ ...manifest, spec }));
  await expectHeld(stage);

  await stage.restartOperator();
  await untilRepaired(stage);
  await expectHeld(stage);

  await program(cluster, dump({ ...manifest, spec: { ...spec, mode: 'Observe' } }));
  await expectTable(stage, open(ROWS));
}

async function expectHeld(stage: Stage): Promise<void> {
  const { status } = await conditions(stage.cluster, 'default', { Programmed: 'False' });
  const { reason, message = '' } = status?.conditions?.find(({ type }) => type === 'Programmed') ?? {};
  if (reason !== 'AssertionFailed' || !message.includes('shop-to-db'))
    throw new Error(`Programmed is False for another reason: ${String(reason)}: ${message}`);
  await stage.cluster.policiesProgrammed();
  await expectTable(stage, ROWS);
}

/** An operator that repairs has gone through a whole round, so the status is its own. */
async function untilRepaired({ cluster }: Stage): Promise<void> {
  const before = await served(cluster);
  const policy = before.find((name) => name.startsWith('networkpolicies.') && name.includes('blog'));
  if (policy === undefined) throw new Error(`no policy of blog among ${before.join(', ')}`);
  await cluster.kubectl(['delete', '--namespace', 'wordpress', ...policy.split('/')]);
  await waitFor(async () => (await served(cluster)).includes(policy) || undefined, {
    what: `${policy} to be written again`,
    within: 60_000,
  });
}
