/**
 * Judges, flow by flow, every state that a node can see on the way from one set of firewalls to another. A flow
 * that passes before and after passes all the time. A flow that passes neither before nor after never does.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ClusterFirewall } from '../../api/schema.ts';
import type { GeneratedObject } from '../../calico/types.ts';
import { compile } from '../../compiler/compile.ts';
import { describeFlow, type Cluster, type Flow } from '../../compiler/testing/cluster.ts';
import { firewalls } from '../../compiler/testing/generators.ts';
import { readingOf, refusalsOf } from '../../compiler/testing/reading.ts';
import { flowsOf, scene, type Scene } from '../../compiler/testing/surroundings.ts';
import { random } from '../../compiler/testing/variations.ts';
import type { StoredObject } from '../../cluster/resource.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import type { Inventory } from '../../inventory/types.ts';
import { emptyingSpec } from '../objects/emptied.ts';
import { objectId } from '../objects/kinds.ts';
import type { LiveObject } from '../objects/live.ts';
import { whenHeld } from '../objects/role.ts';
import { isHeld, kindOf, type EmptyStep, type Step } from './step.ts';
import { asStored, contentOf, projected } from '../testing/objects.ts';
import { Nodes, type Stored } from '../testing/watchers.ts';
import { fromStored, transition, type Transition } from './transition.ts';
import { WaveTimer } from './wave-timer.ts';

type Chance = (below: number) => number;
/** A cluster's API, the nodes that watch it, the operator's rounds, and others who put finalizers on objects. */
class World {
  readonly #inventory: Inventory;
  readonly #chance: Chance;
  #now = 0;
  readonly #waveTimer = new WaveTimer({ now: () => this.#now });
  readonly #nodes: Nodes;
  readonly #stored = new Map<string, GeneratedObject>();
  /** Ids of objects with a finalizer of another client, and of those among them that are deleted. */
  readonly #finalizers = new Set<string>();
  readonly #deleted = new Set<string>();
  #owners = new Set<string>();

  constructor({ inventory }: Scene, chance: Chance) {
    this.#inventory = inventory;
    this.#chance = chance;
    this.#nodes = new Nodes(chance);
  }

  /**
   * Brings the cluster to these firewalls; gives back every state of a node on the way, the last one
   * included.
   */
  change(to: readonly ClusterFirewall[]): readonly Stored[] {
    for (const { metadata } of to) this.#owners.add(metadata.name);
    const seen: Stored[] = [];
    for (let round = 0; round < 60; round++) {
      this.#putFinalizers();
      const now = this.#transition(to);
      const { phases, waitMs } = this.#waveTimer.due(now, () => false);
      const steps = phases.flatMap((phase) => this.#inAnyOrder(phase)).filter((step) => !isHeld(step));
      const held = phases.flat().filter(isHeld);
      if (steps.length === 0 && held.length === 0 && waitMs === 0) break;
      for (const { id } of held) if (this.#chance(2) === 0) this.#letGo(id);
      // An outage ends the round anywhere; the next one begins with a plan of what was written until then.
      const isCut = round < 30 && this.#chance(4) === 0;
      for (const step of isCut ? steps.slice(0, this.#chance(steps.length + 1)) : steps) {
        this.#write(step);
        this.#waveTimer.wrote([step], now.staged);
        this.#now += this.#chance(50);
        seen.push(this.#nodes.learnSome());
      }
      if (isCut) this.#outage();
      else this.#now += waitMs;
      if (isCut || waitMs > 0) seen.push(...this.#nodes.learnAll(this.#now));
    }
    expect(this.#transition(to).plan.phases).toEqual([]);
    const { objects, frozen } = compile(to, this.#inventory);
    const left = [...this.#stored.values()].filter((object) => !this.#isLeftBehind(object, objects));
    if (frozen.length === 0) expect(contentOf(left)).toEqual(contentOf(objects.map(({ object }) => object)));
    expect(left.filter(({ metadata }) => metadata.name.includes('bridge'))).toEqual([]);
    return [...seen, ...this.#nodes.learnAll(Infinity)];
  }

  /** Anybody may hold anything for as long as he likes, except denies: they are let go sooner or later. */
  #putFinalizers(): void {
    const ids = [...this.#stored.keys()];
    const id = ids[this.#chance(4 * ids.length + 1)];
    if (id !== undefined) this.#finalizers.add(id);
  }

  #letGo(id: string): void {
    const kind = this.#stored.get(id)?.kind;
    this.#finalizers.delete(id);
    if (kind === undefined || !this.#deleted.delete(id)) return;
    this.#stored.delete(id);
    this.#nodes.told(kind, { id, object: undefined });
  }

  /** True for an object that is deleted and not desired. It may have no effect. */
  #isLeftBehind(object: GeneratedObject, desired: readonly DesiredObject[]): boolean {
    const id = objectId(object.kind, object.metadata);
    if (desired.some((each) => objectId(each.object.kind, each.object.metadata) === id)) return false;
    const live = this.#live(object);
    if (!live.ours || live.waitsFor === undefined) return false;
    expect([id, live.isEmptied === true || whenHeld(live.kind, live.role) === 'gone']).toEqual([id, true]);
    return true;
  }

  #asStored(object: GeneratedObject): StoredObject {
    const { metadata, ...rest } = asStored(object);
    const isDeleted = this.#deleted.has(objectId(object.kind, metadata));
    const held = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['example.com/keep'] };
    return { ...rest, metadata: isDeleted ? { ...metadata, ...held } : metadata };
  }

  #live(object: GeneratedObject): LiveObject {
    return projected(object.kind, this.#asStored(object));
  }

  #outage(): void {
    this.#now += this.#chance(20_000);
    this.#nodes.loseTouch(this.#now);
    this.#waveTimer.noteOutageEnd(this.#now);
  }

  #transition(to: readonly ClusterFirewall[]): Transition {
    const { objects, frozen, reach } = compile(to, this.#inventory);
    const input = {
      desired: objects,
      frozen,
      reach,
      live: [...this.#stored.values()].map((object) => this.#live(object)),
      firewalls: this.#owners,
      isClosedNamespace: () => false,
      ignoresWaves: () => false,
    };
    const first = transition({ ...input, fromStored: undefined });
    if (!first.needsStored) return first;
    const stored = [...this.#stored.values()].map((object) => this.#asStored(object));
    return transition({
      ...input,
      fromStored: fromStored(stored),
    });
  }

  #inAnyOrder(steps: readonly Step[]): readonly Step[] {
    return steps
      .map((step) => ({ step, at: this.#chance(1000) }))
      .sort((a, b) => a.at - b.at)
      .map(({ step }) => step);
  }

  #write(step: Step): void {
    const { id } = step;
    const kind = kindOf(step);
    if (step.action === 'remove') {
      if (this.#finalizers.has(id)) {
        this.#deleted.add(id);
        return;
      }
      this.#stored.delete(id);
      // A tier that is gone goes on in Felix until it restarts (calico.md, Missing Tier).
      if (kind !== 'Tier') this.#nodes.told(kind, { id, object: undefined });
      return;
    }
    const object = step.action === 'apply' ? step.desired.object : this.#emptied(step);
    this.#stored.set(id, object);
    // The tier's final policy is for nodes that have not heard of the tier yet. The reading knows no missing
    // tiers.
    if (kind === 'Tier') this.#nodes.known.set(id, object);
    else this.#nodes.told(kind, { id, object });
  }

  #emptied({ id, live }: EmptyStep): GeneratedObject {
    const object = this.#stored.get(id);
    if (object === undefined) throw new Error(`${id} is not stored`);
    return { ...object, spec: { ...object.spec, ...emptyingSpec(live.kind) } } as GeneratedObject;
  }
}

/** About so many states of one change are looked at, because reading them takes most of the time. */
const STATES = 8;

function check(
  steps: readonly Stored[],
  {
    before,
    flows,
    chance,
  }: { readonly before: Stored; readonly flows: readonly Flow[]; readonly chance: () => number },
  { cluster }: Scene,
): void {
  const judge = (stored: Stored) => readingOf([...stored.values()], cluster);
  const after = steps.at(-1) ?? before;
  const [old, final] = [judge(before), judge(after)];
  const mayPass = changesEnds(before, after, cluster);
  const settled = flows.filter((flow) =>
    old(flow).allowed ? final(flow).allowed : !final(flow).allowed && !mayPass(flow),
  );
  for (const [index, step] of steps.entries()) {
    if (chance() * steps.length > STATES) continue;
    const now = judge(step);
    for (const flow of settled) {
      const [was, is] = [old(flow), now(flow)];
      if (was.allowed === is.allowed) continue;
      const passes = is.allowed ? 'passes' : 'is lost';
      throw new Error(
        `state ${String(index)} of ${String(steps.length)}: ${describeFlow(flow)} ${passes}: ${is.by}`,
      );
    }
  }
}

/**
 * True for a flow that no end refuses both before and after. Nothing keeps it from passing in between
 * (decision 11).
 */
function changesEnds(before: Stored, after: Stored, cluster: Cluster): (flow: Flow) => boolean {
  const was = refusalsOf([...before.values()], cluster);
  const willBe = refusalsOf([...after.values()], cluster);
  return (flow) => {
    const ends = willBe(flow);
    return was(flow).every((end) => !ends.includes(end));
  };
}

test('nothing is lost and nothing passes on the way', () => {
  fc.assert(
    fc.property(
      fc.array(firewalls, { minLength: 1, maxLength: 2 }),
      scene,
      random,
      fc.nat(40),
      (edits, place, chance, offset) => {
        const world = new World(place, (below) => Math.floor(chance() * below));
        const flows = flowsOf(place.cluster).filter((_, index) => index % 41 === offset);
        let before: Stored = new Map();
        for (const list of [...edits, []]) {
          const steps = world.change(list);
          check(steps, { before, flows, chance }, place);
          before = steps.at(-1) ?? before;
        }
      },
    ),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 10) },
  );
});
