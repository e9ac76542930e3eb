/**
 * Endpoints and addresses that nothing in a world tells apart, as classes. A verdict about one member holds
 * for every member.
 */
import type { Pod } from './world.ts';
import { podName } from './world.ts';
import { nodeKeyOf, settingsKeyOf } from './node-keys.ts';
import type { Prepared } from './prepared.ts';
import { outsideClassesOf, type OutsideClass } from './outside.ts';

export interface PodClass {
  readonly number: number;
  /** In the order of the world. */
  readonly pods: readonly [Pod, ...Pod[]];
  /** Nodes that have some of them. */
  readonly nodes: ReadonlySet<string>;
}

export class Classes {
  readonly prepared: Prepared;
  readonly pods: readonly PodClass[];
  readonly outside: readonly OutsideClass[];
  readonly #byPod = new Map<string, PodClass>();
  readonly #nodeKeys = new Map<string, string>();
  readonly #settingsKeys = new Map<string, string>();
  readonly #hasHosts: boolean;

  constructor(prepared: Prepared) {
    this.prepared = prepared;
    this.#hasHosts = prepared.world.hostEndpoints.length > 0;
    const groups = Map.groupBy(prepared.world.pods, (pod) => this.#podKey(pod));
    this.pods = [...groups.values()].flatMap((pods, number) => {
      const [first, ...rest] = pods;
      if (first === undefined) return [];
      const all: PodClass = { number, pods: [first, ...rest], nodes: new Set(pods.map(({ node }) => node)) };
      for (const pod of pods) this.#byPod.set(podName(pod), all);
      return [all];
    });
    this.outside = ([4, 6] as const).flatMap((family) => outsideClassesOf(prepared, family));
  }

  classOf(pod: Pod): PodClass {
    const found = this.#byPod.get(podName(pod));
    if (found === undefined) throw new RangeError(`no pod ${podName(pod)}`);
    return found;
  }

  /** Equal texts: nothing tells the two nodes apart. */
  nodeKeyOf(name: string): string {
    return this.#nodeKey(name);
  }

  /** Undefined for an address of the cluster. */
  outsideClassOf(address: string): OutsideClass | undefined {
    if (this.prepared.placeOf(address) !== undefined) return undefined;
    const { family, value } = this.prepared.party(address);
    return this.outside.find(
      (each) => each.family === family && each.ranges.some(({ from, to }) => from <= value && value <= to),
    );
  }

  /**
   * Two pods of one class have the same policies, every rule says the same of their addresses, and their nodes
   * have the same host endpoints and the same settings of Felix.
   */
  #podKey(pod: Pod): string {
    const addresses = pod.addresses.map((address) => this.prepared.signature(address));
    const node = this.#hasHosts ? this.#nodeKey(pod.node) : this.#settingsKey(pod.node);
    return [this.prepared.subjectOf(pod), node, ...addresses.sort()].join(' | ');
  }

  #settingsKey(name: string): string {
    const key = this.#settingsKeys.get(name) ?? settingsKeyOf(this.prepared, name);
    this.#settingsKeys.set(name, key);
    return key;
  }

  #nodeKey(name: string): string {
    const key = this.#nodeKeys.get(name) ?? nodeKeyOf(this.prepared, name);
    this.#nodeKeys.set(name, key);
    return key;
  }
}

/** One pod of each class, on the same node or on two. Undefined where there is no such pair. */
export function pairOf(a: PodClass, b: PodClass, onOneNode: boolean): readonly [Pod, Pod] | undefined {
  for (const from of a.pods) {
    const to = b.pods.find((pod) => pod !== from && (pod.node === from.node) === onOneNode);
    if (to !== undefined) return [from, to];
  }
  return undefined;
}
