import type { StartedCluster } from '../../cluster.ts';
import { apply, conditions, getFirewall, nothingLeft, program, served } from '../../harness/firewall.ts';
import { allowed, open, refused, type Row } from '../../harness/rows.ts';
import { expectTable } from '../../harness/sweep.ts';
import { waitFor } from '../../wait.ts';
import { flows, whileFlowing } from '../flows.ts';
import { betweenOpen, ownManifest, readManifest, type Story } from '../story.ts';

const ALLOW = {
  resource: 'networkpolicies.projectcalico.org',
  part: 'default-tenants-same-namespace',
  namespace: 'wordpress',
};
const GUARDRAIL = { resource: 'globalnetworkpolicies.projectcalico.org', part: 'default-guardrails-no-vms' };
const DENY = { resource: 'globalnetworkpolicies.projectcalico.org', part: 'default-defaults-deny' };
interface Kept {
  readonly resource: string;
  /** The readable part of its name. */
  readonly part: string;
  readonly namespace?: string;
}

/** The tenant's policy lets these through. */
const within: readonly Row[] = allowed(['wordpress/wp1'], ['wordpress/wp2'], [80, 81]);
const toVms = allowed(['monitoring/prometheus'], ['outside/vm'], [443]);
const kept = [
  ...allowed(['monitoring/prometheus'], ['monitoring/grafana'], [3000]),
  ...allowed(['monitoring/prometheus'], ['outside/web'], [443]),
  ...allowed(['wordpress/wp1', 'wordpress/wp2'], ['outside/web'], [443]),
];
const closed = [
  ...refused(['shop/front'], ['wordpress/wp1'], [80]),
  ...refused(['wordpress/job'], ['outside/web'], [443]),
];
const close = (rows: readonly Row[]): readonly Row[] => rows.map((row) => ({ ...row, expect: 'refused' }));

const without = (manifest: string, from: string, to: string): string => {
  const [start, end] = [manifest.indexOf(from), manifest.indexOf(to)];
  if (start < 0 || end < start) throw new Error(`the manifest has no ${from} before ${to}`);
  return manifest.slice(0, start).concat(manifest.slice(end));
};

export const keptObjects: Story = {
  id: 'D32',
  title:
    'a finalizer keeps no flow that is revoked, and no bridge; a guardrail that it keeps refuses until it is gone',
  play: async (stage) => {
    const { cluster } = stage;
    const manifest = await readManifest(ownManifest('kept-objects.yaml'));
    const rows = [...within, ...close(toVms), ...kept, ...closed];
    await betweenOpen(stage, rows, async () => {
      await program(cluster, manifest);
      await expectTable(stage, rows);

      // The default deny changes as well, so the operator needs a bridge.
      const revoked = without(manifest, '    - name: tenants\n', '    - name: blog\n').replace(
        '  namespaces:\n',
        '  defaults: { exempt: { names: [elsewhere] } }\n  namespaces:\n',
      );
      await hold(cluster, ALLOW);
      await whileFlowing(stage, flows([...kept, ...closed, ...close(toVms)]), async ({ now }) => {
        now('the revocation of an allow that is kept');
        await program(cluster, revoked);
        await expectTable(stage, close(within));
      });
      await isNamed(cluster, ALLOW, 'it has no effect any more');
      await noBridge(cluster);
      await letGo(cluster, ALLOW);
      await program(cluster, manifest);
      await expectTable(stage, rows);

      await hold(cluster, GUARDRAIL);
      await whileFlowing(stage, flows([...kept, ...closed, ...close(toVms)]), async ({ now }) => {
        now('the removal of a guardrail that is kept');
        await apply(cluster, without(manifest, '  guardrails:\n', '  namespaces:\n'));
        await isNamed(cluster, GUARDRAIL, 'it still refuses traffic');
        await conditions(cluster, 'default', { Programmed: 'False', Ready: 'False' });
        await noBridge(cluster);
      });
      await letGo(cluster, GUARDRAIL);
      await conditions(cluster, 'default', { Ready: 'True' });
      await cluster.policiesProgrammed();
      await expectTable(stage, toVms);
    });
  },
};

export const keptDeny: Story = {
  id: 'D34',
  title:
    'a firewall that is removed while its default deny is kept: what is refused stays refused, and nothing else is',
  play: async (stage) => {
    const { cluster } = stage;
    const rows = [...within, ...kept, ...closed];
    await betweenOpen(stage, rows, async () => {
      await program(cluster, await readManifest(ownManifest('kept-objects.yaml')));
      await expectTable(stage, rows);
      await hold(cluster, DENY);
      await whileFlowing(stage, flows([...kept, ...within, ...closed]), async ({ now }) => {
        now('the removal of a firewall whose default deny is kept');
        await cluster.kubectl(['delete', 'clusterfirewall', 'default', '--wait=false']);
        await removalNames(cluster, DENY);
        await noBridge(cluster);
        await expectTable(stage, [...kept, ...within, ...closed]);
      });
      // There is no bridge any more: allows go one after the other (decision 20).
      await letGo(cluster, DENY);
      await nothingLeft(cluster);
      await cluster.policiesProgrammed();
      await expectTable(stage, open(rows));
    });
  },
};

async function nameOf(cluster: StartedCluster, { resource, part }: Kept): Promise<string> {
  const found = (await served(cluster)).find((id) => id.startsWith(`${resource}/`) && id.includes(part));
  if (found === undefined) throw new Error(`there is no ${resource} called …${part}…`);
  return found;
}

async function setFinalizers(
  cluster: StartedCluster,
  kept: Kept,
  list: readonly string[] | null,
): Promise<void> {
  const patch = JSON.stringify({ metadata: { finalizers: list } });
  const scope = kept.namespace === undefined ? [] : ['--namespace', kept.namespace];
  const name = await nameOf(cluster, kept);
  await cluster.kubectl(['patch', name, ...scope, '--type=merge', '--patch', patch]);
}

const hold = (cluster: StartedCluster, kept: Kept) => setFinalizers(cluster, kept, ['others.example/keep']);
const letGo = (cluster: StartedCluster, kept: Kept) => setFinalizers(cluster, kept, null);

async function says(
  cluster: StartedCluster,
  wanted: (status: string) => boolean,
  what: string,
): Promise<void> {
  let last = '';
  await waitFor(
    async () => {
      last = JSON.stringify((await getFirewall(cluster, 'default')).status, null, 1);
      return wanted(last) || undefined;
    },
    { what, within: 90_000, explain: () => Promise.resolve(last) },
  );
}

const isNamed = (cluster: StartedCluster, { part }: Kept, effect: string): Promise<void> =>
  says(
    cluster,
    (status) =>
      [part, 'HeldByFinalizer', 'others.example/keep', effect].every((each) => status.includes(each)),
    `${part} to be named: ${effect}`,
  );

const removalNames = (cluster: StartedCluster, { part }: Kept): Promise<void> =>
  says(
    cluster,
    (status) => [part, 'RemovalIncomplete', 'still refuses'].every((each) => status.includes(each)),
    `the removal to name ${part}`,
  );

/** A bridge waits for half a minute for a deny that others keep. */
async function noBridge(cluster: StartedCluster): Promise<void> {
  await waitFor(
    async () => {
      const bridges = (await served(cluster)).filter((id) => id.includes('bridge'));
      if (bridges.length > 0) throw new Error(`there: ${bridges.join(', ')}`);
      return true;
    },
    { what: 'no bridge to be left', within: 60_000 },
  );
}
