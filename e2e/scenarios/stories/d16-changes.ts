import { program, removeAll } from '../../harness/firewall.ts';
import { KEPT, REFUSED, whileFlowing } from '../flows.ts';
import { allowed, refused } from '../../harness/rows.ts';
import { ownManifest, readManifest, type Story } from '../story.ts';
import { expectTable } from '../../harness/sweep.ts';

interface Change {
  readonly what: string;
  readonly of: (manifest: string) => string;
}

const MORE = '- { name: more, pods: {}, from: [{ peer: ingress }], ports: [11011] }';
const WITH_A_RANGE = MORE.replace('[11011]', '[11011, 12000-12009]');
const WITH_MORE = MORE.replace('[11011]', '[11011, 11013, 12000-12009]');
const SWAPPED: Readonly<Record<string, string>> = { www: 'public', public: 'www' };

/**
 * One after the other. Each changes the manifest that the one before it left. The rules that the flows need
 * stay in all of them.
 */
const CHANGES: readonly Change[] = [
  { what: 'a rule is added', of: (text) => text.replace('ingress:\n', `$&        ${MORE}\n`) },
  { what: 'a rule is renamed', of: (text) => text.replace('name: web,', 'name: www,') },
  {
    what: 'two rules swap their names',
    of: (text) => text.replace(/(?<=name: )(www|public)(?=,)/g, (name) => SWAPPED[name] ?? name),
  },
  { what: 'a range comes to the ports of a rule', of: (text) => text.replace(MORE, WITH_A_RANGE) },
  { what: 'a port is added to the range', of: (text) => text.replace(WITH_A_RANGE, WITH_MORE) },
  { what: 'a rule is removed', of: (text) => text.replace(`        ${WITH_MORE}\n`, '') },
  { what: 'a group is renamed', of: (text) => text.replace('name: blog\n', 'name: site\n') },
  {
    what: 'a group by name becomes one by selector',
    of: (text) =>
      text.replace(
        'namespaces: [wordpress]',
        'namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: wordpress } }',
      ),
  },
  {
    what: 'a group by selector becomes one by names',
    of: (text) =>
      text.replace('namespaceSelector: { matchLabels: { tenant: blog } }', 'namespaces: [blog-a, blog-b]'),
  },
  {
    what: 'a group is deleted',
    of: (text) => text.slice(0, text.indexOf('    - name: watching\n')),
  },
];

const watching = [['monitoring/prometheus'], ['monitoring/grafana'], [3000]] as const;

export const changes: Story = {
  id: 'D16',
  title:
    'the first Enforce, every change of rules, groups and mode, and the way back lose no packet that is allowed before and after',
  play: async (stage) => {
    const { cluster } = stage;
    const first = await readManifest(ownManifest('flows.yaml'));
    await whileFlowing(stage, KEPT, async ({ now }) => {
      now('the first Enforce');
      await program(cluster, first);
      await expectTable(stage, allowed(...watching));
      let manifest = first;
      await whileFlowing(stage, REFUSED, async ({ mayPass }) => {
        for (const { what, of } of CHANGES) {
          const next = of(manifest);
          if (next === manifest) throw new Error(`nothing changes although ${what}`);
          now(what);
          await program(cluster, next);
          manifest = next;
        }
        now('Observe');
        mayPass();
        await program(cluster, manifest.replace('mode: Enforce', 'mode: Observe'));
      });
      now('Enforce again');
      await program(cluster, manifest);
      await expectTable(stage, refused(...watching));
      now('the removal');
      await removeAll(cluster);
    });
  },
};
