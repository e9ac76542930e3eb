/** Admission of others that alters what the operator writes. It is named, and never taken for the server's form. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { GENERATED_KINDS } from '../../src/controller/objects/kinds.ts';
import { whileAltered, type Alteration } from '../harness/mutating-policies.ts';
import type { ApiMode } from '../harness/native-crds.ts';
import { conditionOf, eventually, firewall, type Rig } from './controller-harness.ts';
import { generatedThings } from './controller-objects.ts';

const DENY = { kind: 'GlobalNetworkPolicy', name: 'default-defaults-deny' } as const;
const ALLOW = { kind: 'NetworkPolicy', name: 'default-blog-ingress-web' } as const;

const ALTERATIONS: readonly { readonly what: string; readonly field: string; readonly by: Alteration }[] = [
  {
    what: 'a default deny that selects nothing',
    field: 'spec.selector',
    by: { ...DENY, op: 'replace', path: '/spec/selector', value: '"!all()"' },
  },
  {
    what: 'a default deny for some service accounts only',
    field: 'spec.serviceAccountSelector',
    by: { ...DENY, op: 'add', path: '/spec/serviceAccountSelector', value: `"team == 'blue'"` },
  },
  {
    what: 'an allow with an exception',
    field: 'spec.ingress[0].source.notNets',
    by: { ...ALLOW, op: 'add', path: '/spec/ingress/0/source/notNets', value: '["192.0.2.0/24"]' },
  },
];

export const alterations = (rig: () => Rig, mode: ApiMode): void => {
  describe('admission that alters what is written', () => {
    const { every } = generatedThings(rig);
    const nameOf = async ({ kind, name }: Alteration): Promise<string> => {
      const all = (await rig().generated()).filter((object) => object.kind === kind);
      const found = all.find(({ metadata }) => metadata.name.includes(name));
      if (found === undefined) throw new Error(`there is no ${kind} called …${name}…`);
      return found.metadata.name;
    };
    const deleteObject = (kind: Alteration['kind'], name: string): Promise<string> => {
      const scope = kind === 'NetworkPolicy' ? ['--namespace', 'wordpress'] : [];
      const resource = `${GENERATED_KINDS[kind].plural}.projectcalico.org`;
      return rig().cluster.kubectl(['delete', resource, name, ...scope]);
    };
    const warnings = () => rig().logged('altered by the API server');
    const metric = async (): Promise<string | undefined> => {
      const text = await (await fetch(`${rig().operator.metricsUrl}/metrics`)).text();
      return /^clusterfirewall_problems\{[^}]*reason="Altered"[^}]*\} (\d+)$/m.exec(text)?.[1];
    };

    beforeAll(async () => {
      await rig().apply(firewall());
      await rig().ready();
    }, 60_000);
    afterAll(() => rig().clear(), 60_000);

    test.each(ALTERATIONS)('$what: is named, and repaired when the policy is gone', async ({ field, by }) => {
      const before = await every();
      const [kind, name] = [by.kind, await nameOf(by)];
      await whileAltered(rig().cluster, mode, by, async () => {
        const warned = (await warnings()).length;
        await deleteObject(kind, name);
        const status = await rig().statusThat(
          (each) => conditionOf(each, 'Programmed')?.reason === 'Altered',
          'an altered object',
        );
        const said = expect.stringContaining(`stores ${kind}/`);
        const message = conditionOf(status, 'Programmed')?.message;
        expect(message).toContain(`${name} with another ${field} than was written`);
        expect(conditionOf(status, 'Ready')?.status).toBe('False');
        expect(conditionOf(status, 'Stalled')).toMatchObject({ status: 'True', reason: 'Altered' });
        expect(status.problems).toContainEqual(expect.objectContaining({ reason: 'Altered', message: said }));
        expect(status.policies?.current).toBe((status.policies?.desired ?? 0) - 1);
        expect((await warnings()).at(-1)).toMatchObject({ firewall: 'default', fields: [field] });
        await eventually(async () => (await metric()) !== undefined, 'the metric');
        await eventually(async () => {
          const events = await rig().list('events', '--field-selector', 'reason=Altered');
          return events.some((each) => JSON.stringify(each).includes(field));
        }, 'an Event');
        // Another process does not take it for the server's own form either.
        const restarted = (await warnings()).length;
        expect(restarted).toBeGreaterThan(warned);
        await rig().restart();
        await eventually(async () => (await warnings()).length > restarted, 'a warning after the restart');
      });
      await rig().ready();
      expect(await every()).toEqual(before);
      expect(await metric()).toBeUndefined();
    });
  });
};
