/**
 * The life of a ClusterFirewall from creation to deletion, and the role of the one called default for the
 * others.
 */
import { afterAll, describe, expect, test } from '@jest/globals';
import { conditionOf, eventually, firewall, rule, type Rig, type Write } from './controller-harness.ts';

const calicoWrites = (writes: readonly Write[]): readonly Write[] =>
  writes.filter(({ target }) => !/^(clusterfirewalls|events)\b/.test(target));
/** Bridges come and go next to the policies that they replace: src/controller/plan/bridges.ts. */
const phaseOf = ({ target }: Write): string => {
  if (target.startsWith('tiers/')) return 'tier';
  if (target.startsWith('globalnetworksets/')) return 'set';
  if (target.includes('-defaults-bridge-')) return 'bridge';
  if (target.includes('-defaults-deny-')) return 'deny';
  return target.includes('/clusterfirewall.') ? 'guardrail' : 'allow';
};
/** The phases without repetitions. Sets and what is temporary are left out. */
const phasesOf = (writes: readonly Write[]): readonly string[] =>
  calicoWrites(writes)
    .map(phaseOf)
    .filter((phase) => phase !== 'bridge' && phase !== 'set')
    .filter((phase, index, phases) => phase !== phases[index - 1]);

export const life = (rig: () => Rig): void => {
  describe('firewalls from creation to deletion', () => {
    const versions = async (): Promise<Record<string, string | undefined>> =>
      Object.fromEntries(
        (await rig().generated()).map(({ kind, metadata }) => [
          `${String(kind)}/${metadata.name}`,
          metadata.resourceVersion,
        ]),
      );

    afterAll(() => rig().clear(), 60_000);

    describe('a ClusterFirewall', () => {
      test('becomes Calico objects: tier, guardrails, allows, default deny, in this order', async () => {
        await rig().apply(firewall());
        const status = await rig().ready();
        expect(status.policies?.summary).toBe(
          `${status.policies?.desired ?? 0}/${status.policies?.desired ?? 0}`,
        );
        const generated = await rig().generated();
        expect(generated).toHaveLength(status.policies?.desired ?? -1);
        const phases = phasesOf(await rig().writes());
        expect(phases).toEqual(['tier', 'guardrail', 'allow', 'deny']);
        expect(new Set(generated.map(({ kind }) => kind))).toEqual(
          new Set(['Tier', 'GlobalNetworkSet', 'GlobalNetworkPolicy', 'NetworkPolicy']),
        );
        for (const { metadata } of generated) {
          expect(metadata.labels).toMatchObject({ 'app.kubernetes.io/managed-by': 'clusterfirewall' });
          expect(metadata.ownerReferences).toBeUndefined();
        }
        const [stored] = await rig().list('clusterfirewalls');
        expect(stored?.metadata.finalizers).toEqual(['clusterfirewall.io/finalizer']);
      });

      test('costs no write while nothing changes, and none when the operator is restarted', async () => {
        const before = { versions: await versions(), writes: (await rig().writes()).length };
        expect(await rig().restart()).toBe('exit code 0');
        // One more namespace costs one more round, and the status shows when that round ended.
        const enforced = (await rig().status())?.namespaces?.enforced ?? 0;
        await rig().cluster.createNamespace('one-more');
        await rig().statusThat(
          ({ namespaces }) => namespaces?.enforced === enforced + 1,
          'counts the new namespace',
        );
        const since = (await rig().writes()).slice(before.writes);
        expect(new Set(since.map(({ verb, target }) => `${verb} ${target}`))).toEqual(
          new Set(['patch clusterfirewalls/default/status']),
        );
        expect(await versions()).toEqual(before.versions);
      });

      test('follows its spec, and a renamed rule is created before the old one goes', async () => {
        const before = (await rig().writes()).length;
        await rig().apply(
          firewall({ namespaces: [{ name: 'blog', namespaces: ['wordpress'], ingress: [rule('site')] }] }),
        );
        await rig().ready();
        const names = (await rig().generated()).map(({ metadata }) => metadata.name).join(' ');
        expect(names).toContain('blog-ingress-site');
        expect(names).not.toContain('blog-ingress-web');
        const verbs = calicoWrites((await rig().writes()).slice(before)).map(({ verb }) => verb);
        expect(verbs.filter((verb, index) => verb !== verbs[index - 1])).toEqual(['patch', 'delete']);
      });

      test('gets the objects of a namespace when it is created, and has no problem before', async () => {
        const connections = [
          { name: 'db', fromPods: {}, toPods: { matchLabels: { app: 'mariadb' } }, ports: [3306] },
        ];
        const shops = { name: 'shops', namespaceSelector: { matchLabels: { shop: 'yes' } }, connections };
        await rig().apply(firewall({ namespaces: [shops] }));
        const waiting = await rig().ready();
        expect(waiting.problems?.map(({ severity, reason }) => [severity, reason])).toEqual([
          ['warning', 'NoNamespaceMatches'],
        ]);
        await rig().cluster.createNamespace('shop-1', { shop: 'yes' });
        const policies = async () =>
          (await rig().generated()).filter(({ metadata }) => metadata.namespace === 'shop-1');
        await eventually(async () => (await policies()).length === 1, 'a policy in shop-1');
        await rig().cluster.kubectl(['label', 'namespace', 'shop-1', 'shop-']);
        await eventually(async () => (await policies()).length === 0, 'no policy in shop-1');
      });

      test('removes all its objects: the default deny first, the tier last, then the finalizer', async () => {
        await rig().apply(firewall());
        await rig().ready();
        const before = (await rig().writes()).length;
        await rig().cluster.kubectl(['delete', 'clusterfirewall', 'default', '--timeout=30s']);
        expect(await rig().generated()).toEqual([]);
        const writes = (await rig().writes()).slice(before);
        const removals = calicoWrites(writes).filter(({ verb }) => verb === 'delete');
        expect(phasesOf(removals)).toEqual(['deny', 'allow', 'guardrail', 'tier']);
        expect(writes.at(-1)?.target).toBe('clusterfirewalls/default');
      });

      test('with deletionPolicy Retain leaves all objects, which the next one adopts', async () => {
        await rig().apply(firewall({ deletionPolicy: 'Retain' }));
        await rig().ready();
        const before = await versions();
        await rig().cluster.kubectl(['delete', 'clusterfirewall', 'default', '--timeout=30s']);
        expect(await versions()).toEqual(before);
        await eventually(
          async () =>
            (await rig().logged('left alone: generated objects whose ClusterFirewall does not exist'))
              .length === 1,
          'a line in the log',
        );
        await rig().apply(firewall());
        await rig().ready();
        expect(await versions()).toEqual(before);
      });
    });

    describe('other firewalls than default', () => {
      const team = firewall({}, 'team');

      test('add their rules, and have no objects while there is no default', async () => {
        await rig().apply(team);
        await rig().ready('team');
        expect((await rig().generated('team')).length).toBeGreaterThan(0);
        await rig().cluster.kubectl(['delete', 'clusterfirewall', 'default', '--timeout=30s']);
        const status = await rig().statusThat(
          (each) => conditionOf(each, 'Ready')?.reason === 'NoDefaultFirewall',
          'waits for default',
          'team',
        );
        expect(conditionOf(status, 'Stalled')?.status).toBe('False');
        expect(await rig().generated('team')).toEqual([]);
        await rig().apply(firewall());
        await rig().ready('team');
      });

      test('can be deleted while default is invalid, without other changes', async () => {
        await rig().ready();
        const before = await versions();
        await rig().apply(
          firewall({
            namespaces: [
              { name: 'blog', namespaces: ['wordpress'], ingress: [{ ...rule('web'), ports: ['8000-80'] }] },
            ],
          }),
        );
        const status = await rig().statusThat(
          (each) => conditionOf(each, 'Accepted')?.status === 'False',
          'not accepted',
        );
        expect(conditionOf(status, 'Accepted')?.message).toContain('spec.namespaces[0].ingress[0].ports[0]');
        expect(conditionOf(status, 'Stalled')?.status).toBe('True');
        await rig().statusThat(
          (each) => conditionOf(each, 'Ready')?.reason === 'DefaultFirewallInvalid',
          'frozen',
          'team',
        );
        await rig().cluster.kubectl(['delete', 'clusterfirewall', 'team', '--timeout=30s']);
        expect(await rig().generated('team')).toEqual([]);
        expect(await versions()).toEqual(before);
        await rig().cluster.kubectl(['delete', 'clusterfirewall', 'default', '--timeout=30s']);
        expect(await rig().generated()).toEqual([]);
      });
    });
  });
};
