/**
 * The form in which the server stores our objects, though nobody alters them. It differs from what was sent in
 * exactly what the normal form leaves out (src/controller/objects/content-hash.ts).
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { GeneratedObject } from '../../src/calico/types.ts';
import { compileManifests } from '../../src/cli/manifests/compiled.ts';
import { apply, get, mergePatch, remove } from '../../src/cluster/objects/apply.ts';
import type { KubernetesObject, StoredObject } from '../../src/cluster/resource.ts';
import type { DesiredObject } from '../../src/compiler/types.ts';
import { writeObject } from '../../src/controller/apply/write.ts';
import { generatedKinds, kindResource, objectId } from '../../src/controller/objects/kinds.ts';
import { projectLive } from '../../src/controller/objects/live.ts';
import { applyStep } from '../../src/controller/plan/step.ts';
import { isRecord } from '../../src/json.ts';
import type { Rig, RigMode } from './controller-harness.ts';

const SAMPLES = path.resolve(import.meta.dirname, '../../config/samples');
const INVENTORY = path.resolve(import.meta.dirname, '../../src/cli/golden/inventory.yaml');

/** The objects of all samples, of each name one, tiers before their policies. */
async function everyObject(): Promise<readonly DesiredObject[]> {
  const byId = new Map<string, DesiredObject>();
  for (const sample of readdirSync(SAMPLES)) {
    const input = { files: [path.join(SAMPLES, sample)], inventory: INVENTORY, operatorNamespace: 'o' };
    const result = await compileManifests(input, () => Promise.resolve(new Uint8Array()));
    if (result.state === 'invalid') throw new Error(`${sample} is invalid`);
    for (const each of result.compilation.objects)
      byId.set(objectId(each.object.kind, each.object.metadata), each);
  }
  const all = [...byId.values()];
  const isTier = ({ object }: DesiredObject): boolean => object.kind === 'Tier';
  return [...all.filter(isTier), ...all.filter((each) => !isTier(each))];
}

/** Each line of the list in the normal form, and where it occurs. */
const FORMS = {
  'an empty source or destination in a rule': ['aggregated'],
  'no list of addresses in an empty set': ['aggregated'],
  'labels and annotations of others': ['aggregated', 'native'],
} as const satisfies Readonly<Record<string, readonly RigMode[]>>;

/** Server-side apply may leave nothing of a spec whose only list is empty. It means the same in either form. */
const WITHOUT_SPEC = 'no spec of an empty set';

interface Difference {
  readonly path: string;
  readonly sent: unknown;
  readonly stored: unknown;
}

/** Every difference, in any spelling. */
function rawDifferences(sent: unknown, stored: unknown, at = ''): readonly Difference[] {
  if (isRecord(sent) && isRecord(stored)) {
    const keys = [...new Set([...Object.keys(sent), ...Object.keys(stored)])];
    return keys.flatMap((key) => rawDifferences(sent[key], stored[key], `${at}/${key}`));
  }
  if (Array.isArray(sent) && Array.isArray(stored) && sent.length === stored.length && sent.some(isRecord))
    return sent.flatMap((each, index) => rawDifferences(each, stored[index], `${at}/#`));
  return JSON.stringify(sent) === JSON.stringify(stored) ? [] : [{ path: at, sent, stored }];
}

const decided = ({
  metadata: { labels = {}, annotations = {} },
  spec,
}: KubernetesObject | GeneratedObject): object => ({
  labels,
  annotations,
  spec,
});

/** The line of FORMS, or the difference itself where it is none of them. */
function formOf({ path: at, sent, stored }: Difference): string {
  const [was, is] = [JSON.stringify(sent), JSON.stringify(stored)];
  const form = ((): keyof typeof FORMS | undefined => {
    if (/^\/spec\/(in|e)gress\/#\/(source|destination)$/.test(at) && sent === undefined && is === '{}')
      return 'an empty source or destination in a rule';
    if (at === '/spec/nets' && was === '[]' && stored === undefined)
      return 'no list of addresses in an empty set';
    return /^\/(labels|annotations)\/example\.com\//.test(at) && sent === undefined
      ? 'labels and annotations of others'
      : undefined;
  })();
  if (at === '/spec' && was === '{"nets":[]}' && stored === undefined) return WITHOUT_SPEC;
  return form ?? `${at}: ${was} is stored as ${is}`;
}

export const serverForms = (rig: () => Rig, mode: RigMode): void => {
  describe('the form in which the server stores our objects', () => {
    let objects: readonly DesiredObject[] = [];
    const resourceOf = ({ object: { kind, metadata } }: DesiredObject) =>
      kindResource(kind, metadata.namespace);
    const read = (desired: DesiredObject): Promise<StoredObject | undefined> =>
      get(rig().transport, resourceOf(desired), desired.object.metadata.name);
    const withSpec = (desired: DesiredObject, fields: object): DesiredObject => ({
      ...desired,
      object: { ...desired.object, spec: { ...desired.object.spec, ...fields } } as GeneratedObject,
    });
    const one = (isWanted: (object: GeneratedObject) => boolean): DesiredObject => {
      const found = objects.find(({ object }) => isWanted(object));
      if (found === undefined) throw new Error('no sample makes such an object');
      return found;
    };
    const store = (desired: DesiredObject): Promise<StoredObject> =>
      apply(rig().transport, resourceOf(desired), { ...desired.object }, { force: true });
    /** Writes it as the operator does. Returns the forms of what is stored then. */
    const formsOf = async (desired: DesiredObject): Promise<readonly string[]> => {
      const { kind, metadata } = desired.object;
      const before = await read(desired);
      const live = before === undefined ? undefined : projectLive(kind, new Set())(before);
      const step = applyStep(desired, live?.ours === true ? live : undefined);
      const { altered } = await writeObject(rig().transport, step);
      expect([metadata.name, altered]).toEqual([metadata.name, []]);
      const stored = await read(desired);
      if (stored === undefined) throw new Error(`${metadata.name} is not stored`);
      return rawDifferences(decided(desired.object), decided(stored)).map(formOf);
    };

    beforeAll(async () => {
      objects = await everyObject();
      const namespaces = new Set(objects.flatMap(({ object }) => object.metadata.namespace ?? []));
      const items = [...namespaces].map((name) => ({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name },
      }));
      await rig().apply(...items);
    }, 60_000);
    afterAll(async () => {
      for (const desired of objects.toReversed())
        await remove(rig().transport, resourceOf(desired), desired.object.metadata.name);
    }, 60_000);

    test('is what was sent, but for the list of the normal form', async () => {
      expect([...new Set(objects.map(({ object }) => object.kind))].sort()).toEqual(
        [...generatedKinds].sort(),
      );
      const found = new Set<string>();
      const note = async (desired: DesiredObject): Promise<void> => {
        for (const form of await formsOf(desired)) found.add(form);
      };
      for (const desired of objects) await note(desired);

      const set = one(({ spec }) => 'nets' in spec && spec.nets.length > 1);
      await note(withSpec(set, { nets: [] }));
      await remove(rig().transport, resourceOf(set), set.object.metadata.name);
      await note(withSpec(set, { nets: [] }));
      await store(withSpec(set, { nets: ['192.0.2.1/32', '198.51.100.1/32'] }));
      await note(withSpec(set, { nets: ['10.0.0.1/32', '198.51.100.1/32'] }));

      const policy = one(({ spec }) => 'types' in spec && spec.types.length > 1);
      await store(withSpec(policy, { types: ['Egress'] }));
      await note(policy);

      const others = { 'example.com/team': 'blue' };
      for (const kind of generatedKinds) {
        // Each label of a host endpoint counts, because policies select by it.
        const metadata = { annotations: others, ...(kind !== 'HostEndpoint' && { labels: others }) };
        const desired = one((object) => object.kind === kind);
        const { name } = desired.object.metadata;
        await mergePatch(rig().transport, resourceOf(desired), name, { metadata }, { fieldManager: 'other' });
        await note(desired);
      }
      const expected = Object.entries(FORMS).flatMap(([form, modes]) =>
        (modes as readonly RigMode[]).includes(mode) ? [form] : [],
      );
      if (mode === 'native') found.delete(WITHOUT_SPEC);
      expect([...found].sort()).toEqual(expected.sort());
    });
  });
};
