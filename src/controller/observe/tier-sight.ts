/** Finds out whose policies the operator may read, because a list leaves the others out without a word. */
import { sleep } from '../../cluster/clock.ts';
import { isForbidden } from '../../cluster/errors.ts';
import type { InformerContext } from '../../cluster/informer/informer.ts';
import type { Informers } from '../../cluster/informer/informer-group.ts';
import { projectPage } from '../../cluster/objects/apply.ts';
import { kindResource } from '../objects/kinds.ts';
import { LABEL_TIER } from '../objects/ownership.ts';

/** Rights change without a sign. */
const RECHECK_MS = 30_000;
/** After an error that says nothing about rights. */
const RETRY_MS = 2000;

export interface TierSightOptions {
  /** Names of the tiers of others that exist; undefined before they are listed. */
  readonly tiers: () => readonly string[] | undefined;
  /** Called when the set of unseen tiers has changed. */
  readonly onChange: () => void;
  /** Called when policies may exist that no list has shown. */
  readonly onSeen: () => void;
}

/**
 * Calico's API server lists policies of the tiers that the client may read, and of no others
 * (apiserver pkg/registry/projectcalico/util, EnsureTierSelector). A list of one tier by its label is refused
 * if the client may not read it. With native CRDs nothing is refused, because RBAC itself knows no tiers.
 */
export class TierSight implements Informers {
  readonly #context: InformerContext;
  readonly #options: TierSightOptions;
  readonly #stop = new AbortController();
  /** By tier: true if its policies can be read. */
  readonly #seen = new Map<string, boolean>();
  #nudge = new AbortController();
  #ended: Promise<void> = Promise.resolve();
  #hasLooked = false;

  constructor(context: InformerContext, options: TierSightOptions) {
    this.#context = context;
    this.#options = options;
  }

  start(): void {
    this.#ended = this.#run(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  /** True once every tier was asked about. */
  get hasSynced(): boolean {
    return this.#hasLooked;
  }

  /** Sorted. A tier counts as seen until it was asked about. */
  get unseen(): readonly string[] {
    return [...this.#seen].flatMap(([tier, isSeen]) => (isSeen ? [] : [tier])).sort();
  }

  /** Tiers have come or gone. */
  lookAgain(): void {
    this.#nudge.abort();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#nudge = new AbortController();
      const nudged = AbortSignal.any([signal, this.#nudge.signal]);
      const isSure = await this.#look(signal);
      await sleep(this.#context.clock, isSure ? RECHECK_MS : RETRY_MS, nudged).catch(() => undefined);
    }
  }

  async #look(signal: AbortSignal): Promise<boolean> {
    const before = this.unseen.join();
    const tiers = this.#options.tiers();
    if (tiers === undefined) return false;
    for (const tier of this.#seen.keys()) if (!tiers.includes(tier)) this.#seen.delete(tier);
    let hasAppeared = false;
    try {
      for (const tier of tiers) {
        const isSeen = await this.#maySee(tier, signal);
        hasAppeared ||= isSeen && this.#seen.get(tier) !== true && this.#hasLooked;
        this.#seen.set(tier, isSeen);
      }
    } catch (error) {
      if (!signal.aborted) this.#context.log.debug({ err: error }, 'cannot see which tiers may be read');
      return false;
    } finally {
      if (hasAppeared) this.#options.onSeen();
    }
    const isFirst = !this.#hasLooked;
    this.#hasLooked = true;
    if (isFirst || before !== this.unseen.join()) this.#options.onChange();
    return true;
  }

  async #maySee(tier: string, signal: AbortSignal): Promise<boolean> {
    try {
      for (const kind of ['GlobalNetworkPolicy', 'NetworkPolicy'] as const) {
        const options = { labelSelector: `${LABEL_TIER}=${tier}`, limit: 1, metadataOnly: true, signal };
        await projectPage(this.#context.transport, kindResource(kind), () => undefined, options);
      }
      return true;
    } catch (error) {
      if (isForbidden(error)) return false;
      throw error;
    }
  }
}
