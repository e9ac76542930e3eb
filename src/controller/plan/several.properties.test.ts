/**
 * Several ClusterFirewalls in one cluster: what they say together, and what creating, editing and deleting
 * them in any order writes. The API server is a map; compiling, comparing and ordering are the real ones.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DEFAULT_FIREWALL, type ClusterFirewall } from '../../api/schema.ts';
import type { StoredObject } from '../../cluster/resource.ts';
import { compile } from '../../compiler/compile.ts';
import { firewalls } from '../../compiler/testing/generators.ts';
import { intentOf } from '../../compiler/testing/intent.ts';
import { describeFlow } from '../../compiler/testing/cluster.ts';
import { readingOf } from '../../compiler/testing/reading.ts';
import { FEWER } from '../../compiler/testing/runs.ts';
import { flowsOf, scene } from '../../compiler/testing/surroundings.ts';
import { random, shuffled } from '../../compiler/testing/variations.ts';
import type { Inventory } from '../../inventory/types.ts';
import type { Compilation, DesiredObject } from '../../compiler/types.ts';
import type { StoredFirewall } from '../observe/firewalls.ts';
import { desiredState, type DesiredState } from './desired-state.ts';
import { objectId } from '../objects/kinds.ts';
import type { LiveObject, OwnedObject } from '../objects/live.ts';
import { projected } from '../testing/objects.ts';
import { remembering } from '../../compiler/memo.ts';
import { desiredHash } from '../objects/content-hash.ts';
import { carriesFrozen, plan } from './plan.ts';
import type { Step } from './step.ts';
import { isBelow, LABELLED_NODES, ruleId } from '../../compiler/names.ts';
import { SHARED_SETS } from '../../compiler/flows/sets.ts';

/** `a-b` with a group `c` reads like `a` with a group `b-c`. */
const TEAMS = ['a', 'a-b', 'team'] as const;
const GROUPS: Readonly<Record<string, string>> = { g1: 'c', g2: 'b-c', g3: 'g3' };

const regrouped = ({ metadata, spec }: ClusterFirewall): ClusterFirewall => ({
  metadata,
  spec: {
    ...spec,
    ...(spec.namespaces !== undefined && {
      namespaces: spec.namespaces.map((group) => ({ ...group, name: GROUPS[group.name] ?? group.name })),
    }),
  },
});
const main = firewalls.map((list) => list.find(({ metadata }) => metadata.name === DEFAULT_FIREWALL));
const team = firewalls.map((list) => list.find(({ metadata }) => metadata.name !== DEFAULT_FIREWALL));
const found = (list: fc.Arbitrary<ClusterFirewall | undefined>): fc.Arbitrary<ClusterFirewall> =>
  list.filter((each) => each !== undefined).map(regrouped);
const teamCalled = (name: string): fc.Arbitrary<ClusterFirewall> =>
  found(team).map(({ spec }) => ({ metadata: { name }, spec }));
/** `default` and some of the others. */
const several = fc
  .tuple(found(main), ...TEAMS.map((name) => fc.option(teamCalled(name), { nil: undefined, freq: 4 })))
  .map((list) => list.filter((each) => each !== undefined));

const idOf = ({ object }: DesiredObject): string => objectId(object.kind, object.metadata);

describe('several firewalls together', () => {
  test('do what each of them says, peers and far halves included', () => {
    fc.assert(
      fc.property(several, scene, (list, { cluster, inventory }) => {
        const intent = intentOf(list, inventory, cluster);
        const reading = readingOf(
          compile(list, inventory).objects.map(({ object }) => object),
          cluster,
        );
        for (const flow of flowsOf(cluster)) {
          const [meant, done] = [intent(flow), reading(flow)];
          if (meant.allowed === done.allowed) continue;
          throw new Error(`${describeFlow(flow)}\n  meant: ${meant.by}\n  done: ${done.by}`);
        }
      }),
      FEWER,
    );
  });

  test('compile to the same objects in whatever order they come', () => {
    fc.assert(
      fc.property(several, scene, random, (list, { inventory }, chance) => {
        const other = compile(shuffled(list, chance), inventory);
        expect(JSON.stringify(other.objects)).toBe(JSON.stringify(compile(list, inventory).objects));
      }),
      FEWER,
    );
  });

  test('never share the name of an object', () => {
    fc.assert(
      fc.property(several, scene, (list, { inventory }) => {
        const ids = compile(list, inventory).objects.map(idOf);
        expect(ids).toHaveLength(new Set(ids).size);
      }),
      FEWER,
    );
  });

  test('leave the objects of the others as they are when one comes or goes', () => {
    fc.assert(
      fc.property(several, fc.constantFrom(...TEAMS), scene, (list, name, { inventory }) => {
        const objectsOfOthers = (of: readonly ClusterFirewall[]): readonly string[] =>
          compile(of, inventory)
            .objects.filter((desired) => desired.firewall !== name && !isCommonSet(desired))
            .map(({ object }) => JSON.stringify(object));
        const without = list.filter(({ metadata }) => metadata.name !== name);
        expect(objectsOfOthers(without)).toEqual(objectsOfOthers(list));
      }),
      FEWER,
    );
  });
});

/**
 * Sets of the cluster's own addresses belong to `default`, and are there as soon as a rule of anybody needs
 * them.
 */
const isCommonSet = ({ rules }: Pick<DesiredObject, 'rules'>): boolean =>
  SHARED_SETS.some(({ id }) => rules.includes(id)) || rules.some((rule) => isBelow(rule, LABELLED_NODE_SETS));

const LABELLED_NODE_SETS = ruleId(DEFAULT_FIREWALL, LABELLED_NODES);

type Op =
  | { readonly type: 'put'; readonly firewall: ClusterFirewall }
  | { readonly type: 'putInvalid' | 'delete' | 'retain'; readonly name: string }
  | { readonly type: 'inventory'; readonly inventory: Inventory }
  /** Compare, and carry out that many steps of the plan. */
  | { readonly type: 'round'; readonly steps: number };

const anyName = fc.constantFrom(DEFAULT_FIREWALL, ...TEAMS);
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 3, arbitrary: found(main).map((firewall): Op => ({ type: 'put', firewall })) },
  {
    weight: 5,
    arbitrary: fc
      .constantFrom(...TEAMS)
      .chain(teamCalled)
      .map((firewall): Op => ({ type: 'put', firewall })),
  },
  { weight: 1, arbitrary: anyName.map((name): Op => ({ type: 'putInvalid', name })) },
  { weight: 3, arbitrary: anyName.map((name): Op => ({ type: 'delete', name })) },
  { weight: 1, arbitrary: anyName.map((name): Op => ({ type: 'retain', name })) },
  { weight: 1, arbitrary: scene.map(({ inventory }): Op => ({ type: 'inventory', inventory })) },
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 30 }).map((steps): Op => ({ type: 'round', steps })) },
);

const STRANGER: StoredObject = {
  apiVersion: 'projectcalico.org/v3',
  kind: 'GlobalNetworkPolicy',
  metadata: { name: 'cfw-of-somebody-else', uid: 'stranger', resourceVersion: '1' },
  spec: { selector: 'all()' },
};

const STRANGERS = 'GlobalNetworkPolicy/cfw-of-somebody-else';

/** A cluster with an operator in it that can be stopped after any write. */
class Model {
  readonly firewalls = new Map<string, StoredFirewall>();
  readonly stored = new Map<string, StoredObject>([['GlobalNetworkPolicy/cfw-of-somebody-else', STRANGER]]);
  inventory: Inventory;
  /**
   * Firewalls that changed since everything was last as desired; `undefined` = all of them may have to be
   * written.
   */
  changed: Set<string> | undefined = new Set();
  /** Firewalls that went and left their objects. */
  readonly retained = new Set<string>();
  readonly #compile = remembering(compile);
  readonly #projections = new WeakMap<StoredObject, LiveObject>();
  #made = 0;

  constructor(inventory: Inventory) {
    this.inventory = inventory;
  }

  do(op: Op): void {
    switch (op.type) {
      case 'put':
        this.#put(op.firewall.metadata.name, { ok: true, firewall: op.firewall });
        return;
      case 'putInvalid':
        this.#put(op.name, { ok: false, issues: [] });
        return;
      case 'delete':
        this.#delete(op.name, 'Remove');
        return;
      case 'retain':
        this.#delete(op.name, 'Retain');
        return;
      case 'inventory':
        this.inventory = op.inventory;
        this.changed = undefined;
        return;
      case 'round':
        this.round(op.steps);
    }
  }

  /** True when nothing was left to do. */
  round(most: number): boolean {
    const steps = this.#plan(this.desiredState()).flat();
    for (const step of steps.slice(0, most)) this.#carryOut(step);
    this.#release();
    if (steps.length === 0) this.changed = new Set();
    return steps.length === 0;
  }

  /** The objects that the last firewalls would compile to if they were the first. */
  wanted(): Pick<Compilation, 'objects' | 'frozen'> {
    if (this.#isFrozen) return { objects: [], frozen: [] };
    const valid = [...this.firewalls.values()].flatMap(({ validation }) =>
      validation.ok ? [validation.firewall] : [],
    );
    return compile(valid, this.inventory);
  }

  /**
   * Everything of a firewall stays as it is: the spec of this one or of `default` is invalid, or was let go
   * with its objects.
   */
  isKept(firewall: string): boolean {
    const isInvalid = this.firewalls.get(firewall)?.validation.ok === false;
    const isDefaultRetained = this.retained.has(DEFAULT_FIREWALL);
    return isInvalid || this.#isFrozen || isDefaultRetained || this.retained.has(firewall);
  }

  get #isFrozen(): boolean {
    const firewall = this.firewalls.get(DEFAULT_FIREWALL);
    return firewall !== undefined && !firewall.deleting && !firewall.validation.ok;
  }

  desiredState(): DesiredState {
    const { inventory } = this;
    return desiredState({
      firewalls: [...this.firewalls.values()],
      inventory,
      live: this.live(),
      compile: this.#compile,
    });
  }

  live(): readonly LiveObject[] {
    return [...this.stored.values()].map((object) => {
      const known = this.#projections.get(object);
      const projection = known ?? projected(kindOf(object), object);
      if (known === undefined) this.#projections.set(object, projection);
      return projection;
    });
  }

  #plan({ desired, frozen, owners }: DesiredState): readonly (readonly Step[])[] {
    const isClosedNamespace = (): boolean => false;
    return plan({ desired, frozen, live: this.live(), firewalls: owners, isClosedNamespace }).phases;
  }

  #carryOut(step: Step): void {
    const firewall = step.action === 'apply' ? step.desired.firewall : step.live.firewall;
    const { rules } = step.action === 'apply' ? step.desired : step.live;
    const mayWrite = this.changed?.has(firewall ?? '') !== false || isCommonSet({ rules });
    expect({ step: step.id, mayWrite }).toEqual({ step: step.id, mayWrite: true });
    if (this.#isFrozen) expect(this.firewalls.get(firewall ?? '')).toMatchObject({ deleting: true });
    if (step.action !== 'apply') {
      this.stored.delete(step.id);
      return;
    }
    const { object } = step.desired;
    const uid = step.live?.uid ?? `uid-${String(++this.#made)}`;
    this.stored.set(step.id, { ...object, metadata: { ...object.metadata, uid, resourceVersion: '1' } });
  }

  #put(name: string, validation: StoredFirewall['validation']): void {
    if (this.firewalls.get(name)?.deleting === true) return;
    const uid = `uid-${String(++this.#made)}`;
    const common = { name, uid, resourceVersion: '1', generation: 1, finalizers: [], status: undefined };
    this.firewalls.set(name, { ...common, deleting: false, deletionPolicy: 'Remove', validation });
    this.retained.delete(name);
    this.#touch(name);
  }

  #delete(name: string, deletionPolicy: 'Remove' | 'Retain'): void {
    const firewall = this.firewalls.get(name);
    if (firewall === undefined || firewall.deleting) return;
    this.firewalls.set(name, { ...firewall, deleting: true, deletionPolicy });
    this.#touch(name);
  }

  #touch(name: string): void {
    // With `default` the default deny comes, goes or changes, and every rule's halves with it.
    if (name === DEFAULT_FIREWALL) this.changed = undefined;
    else this.changed?.add(name);
  }

  #release(): void {
    for (const { name, deleting, deletionPolicy } of [...this.firewalls.values()]) {
      const left = this.live().filter((object) => object.ours && object.firewall === name);
      if (!deleting || (deletionPolicy === 'Remove' && left.length > 0)) continue;
      this.firewalls.delete(name);
      if (left.length > 0) this.retained.add(name);
      this.#touch(name);
    }
  }
}

const kindOf = (object: StoredObject): DesiredObject['object']['kind'] =>
  object.kind as DesiredObject['object']['kind'];

describe('firewalls that are created, edited and deleted in any order, by an operator that may stop after any write and touches nothing of anybody else', () => {
  const run = (inventory: Inventory, ops: readonly Op[]): Model => {
    const model = new Model(inventory);
    for (const each of ops) model.do(each);
    // A firewall that was let go may change what the others compile to.
    for (let rounds = 0; !model.round(Infinity); rounds += 1) expect(rounds).toBeLessThan(10);
    expect(model.stored.get(STRANGERS)).toBe(STRANGER);
    return model;
  };
  /** Some firewalls, programmed, and what becomes of them. */
  const ops = fc
    .tuple(several, fc.array(op, { maxLength: 10, size: 'max' }))
    .map(([first, more]) => [
      ...first.map((firewall): Op => ({ type: 'put', firewall })),
      { type: 'round', steps: Infinity } as const,
      ...more,
    ]);

  test('end as if the last of them had been the first, save for what is frozen, invalid or retained', () => {
    fc.assert(
      fc.property(scene, ops, ({ inventory }, list) => {
        const model = run(inventory, list);
        const { objects, frozen } = model.wanted();
        const wanted = new Map(objects.map((each) => [idOf(each), each]));
        const kept = (object: OwnedObject): boolean =>
          model.isKept(object.firewall ?? '') || carriesFrozen(frozen, object);
        for (const object of model.live()) {
          if (!object.ours || kept(object)) continue;
          const each = wanted.get(object.id);
          expect([object.id, object.hash]).toEqual([object.id, each && desiredHash(each.object)]);
        }
        const missing = [...wanted.keys()].filter((id) => !model.stored.has(id));
        expect(missing).toEqual([]);
      }),
      FEWER,
    );
  });

  test('leave nothing when all of them are deleted', () => {
    fc.assert(
      fc.property(
        scene,
        ops,
        fc.shuffledSubarray([DEFAULT_FIREWALL, ...TEAMS], { minLength: 4 }),
        ({ inventory }, list, order) => {
          const deletions = order.flatMap((name): Op[] => [
            { type: 'delete', name },
            { type: 'round', steps: 3 },
          ]);
          const model = run(inventory, [...list.filter(({ type }) => type !== 'retain'), ...deletions]);
          expect([...model.firewalls.keys()]).toEqual([]);
          expect([...model.stored.values()]).toEqual([STRANGER]);
        },
      ),
      FEWER,
    );
  });
});
