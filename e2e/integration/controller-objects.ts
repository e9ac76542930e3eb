/** The operator's objects, for tests that inspect and damage them. */
import { expect } from '@jest/globals';
import { mergePatch } from '../../src/cluster/objects/apply.ts';
import { isRecord } from '../../src/json.ts';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import { kindResource } from '../../src/controller/objects/kinds.ts';
import { HEARTBEAT, SIGNATURE } from '../../src/controller/objects/ownership.ts';
import { eventually, type Rig } from './controller-harness.ts';

export type Kind = 'Tier' | 'GlobalNetworkSet' | 'GlobalNetworkPolicy' | 'NetworkPolicy';

export const PLURALS: Readonly<Record<Kind, string>> = {
  Tier: 'tiers.projectcalico.org',
  GlobalNetworkSet: 'globalnetworksets.projectcalico.org',
  GlobalNetworkPolicy: 'globalnetworkpolicies.projectcalico.org',
  NetworkPolicy: 'networkpolicies.projectcalico.org',
};

interface Content {
  readonly name: string;
  readonly labels: unknown;
  readonly annotations: Readonly<Record<string, unknown>>;
  readonly spec: unknown;
}

/**
 * The compared content, without annotations that differ from process to process. Rules are compared unchanged, except for an empty source or destination, which only
 * one of the two ways to serve Calico writes.
 */
const contentOf = ({ metadata: { name, labels, annotations }, spec }: KubernetesObject): Content => ({
  name,
  labels,
  annotations: { ...annotations, [HEARTBEAT.annotation]: undefined, [SIGNATURE]: undefined },
  spec: withoutEmpty(spec),
});

function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (!isRecord(value)) return value;
  const fields = Object.entries(value).map(([key, field]): [string, unknown] => [key, withoutEmpty(field)]);
  return Object.fromEntries(fields.filter(([, field]) => !isRecord(field) || Object.keys(field).length > 0));
}

export interface GeneratedThings {
  readonly every: () => Promise<readonly Content[]>;
  /** One object of the kind. It stays the same until `another`. */
  readonly one: (kind: Kind) => Promise<KubernetesObject>;
  /** Makes `one` choose another object from now on, so no object counts as contested. */
  readonly another: () => void;
  /** Patches that object as this field manager. */
  readonly patch: (kind: Kind, change: object, manager?: string) => Promise<void>;
  /**
   * Does the damage. Waits until a repair was logged and everything is as before, except for the parts that
   * `but` ignores.
   */
  readonly repairs: (damage: () => Promise<void>, but?: (content: Content) => Content) => Promise<void>;
}

export function generatedThings(rig: () => Rig): GeneratedThings {
  let turn = 0;
  const every = async (): Promise<readonly Content[]> => (await rig().generated()).map(contentOf);
  const one = async (kind: Kind): Promise<KubernetesObject> => {
    const all = (await rig().generated()).filter((object) => object.kind === kind);
    const found = all[turn % all.length];
    if (found === undefined) throw new Error(`no ${kind} was generated`);
    return found;
  };
  return {
    every,
    one,
    another() {
      turn += 1;
    },
    async patch(kind, change, manager = 'intruder') {
      const { name, namespace } = (await one(kind)).metadata;
      const options = { fieldManager: manager };
      await mergePatch(rig().transport, kindResource(kind, namespace), name, { ...change }, options);
    },
    async repairs(damage, but = (content) => content) {
      const before = await every();
      const repaired = (await rig().logged('drift repaired')).length;
      await damage();
      await eventually(async () => (await rig().logged('drift repaired')).length > repaired, 'a repair');
      const [wanted, look] = [JSON.stringify(before), async () => JSON.stringify((await every()).map(but))];
      await eventually(async () => (await look()) === wanted, 'everything as it was').catch(
        async (error: unknown) => {
          expect((await every()).map(but)).toEqual(before);
          throw error;
        },
      );
    },
  };
}
