import { program, removeAll } from '../../harness/firewall.ts';
import { allowed, open, refused, type Row } from '../../harness/rows.ts';
import { expectTable } from '../../harness/sweep.ts';
import { flows, whileFlowing } from '../flows.ts';
import { ownManifest, readManifest, type Story } from '../story.ts';

const NAMES = ['cfw-forged-d1', 'cfw-forged-d2', 'cfw-forged-b', 'cfw-forged-g', 'cfw-forged-a'];
const policies = NAMES.map((name) => `networkpolicy.crd.projectcalico.org/default.${name}`);

/** Rights of others that are revoked. */
const revocable = [
  [['wordpress/wp1', 'wordpress/wp2'], ['outside/web'], [443]],
  [['wordpress/wp1'], ['wordpress/wp2'], [81]],
] as const;
const before = revocable.flatMap(([from, to, ports]) => allowed(from, to, ports));
const after = revocable.flatMap(([from, to, ports]) => refused(from, to, ports));
/** Flows of others that stay refused, whatever the tenant of shop says. */
const closed: readonly Row[] = [
  ...refused(['shop/front'], ['wordpress/wp1'], [80]),
  ...refused(['wordpress/wp1'], ['outside/web'], [80]),
  ...refused(['outside/web'], ['wordpress/wp1'], [80]),
];
const kept = allowed(['monitoring/prometheus'], ['monitoring/grafana'], [3000]);

/** The default deny changes as well, so the operator needs a bridge from the old state. */
const revoked = (manifest: string): string =>
  manifest
    .slice(0, manifest.indexOf('    - name: tenants\n'))
    .concat(manifest.slice(manifest.indexOf('    - name: watching\n')))
    .replace('  namespaces:\n', '  defaults: { exempt: { names: [elsewhere] } }\n  namespaces:\n');

export const forgedPolicies: Story = {
  id: 'D26',
  title:
    'a tenant’s policies that pose as the operator’s, with a finalizer, open nothing of others, and what is revoked is refused',
  play: async (stage) => {
    const { cluster } = stage;
    const manifest = await readManifest(ownManifest('tenants.yaml'));
    await program(cluster, manifest);
    await expectTable(stage, [...before, ...closed, ...kept]);
    const input = (await readManifest(ownManifest('forged-policies.yaml'))).replaceAll('TENANT', 'shop');
    await cluster.kubectl(['apply', '--filename', '-'], { input });
    try {
      await whileFlowing(stage, flows([...closed, ...kept]), async ({ now }) => {
        now('the revocation');
        await program(cluster, revoked(manifest));
        await expectTable(stage, after);
      });
    } finally {
      for (const policy of policies) {
        const finalizers = ['--type=merge', '--patch', '{"metadata":{"finalizers":null}}'];
        await cluster.kubectl(['patch', policy, '--namespace', 'shop', ...finalizers]);
        await cluster.kubectl(['delete', policy, '--namespace', 'shop', '--ignore-not-found']);
      }
    }
    await removeAll(cluster);
    await expectTable(stage, open(before));
  },
};
