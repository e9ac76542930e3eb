import type { Logger } from '../../cluster/logger.ts';
import type { Plan } from '../plan/plan.ts';

/** Logs generated objects whose firewall does not exist. They are left alone, and logged once. */
export class Orphans {
  readonly #log: Logger;
  /** Ids that were logged last. */
  #known: ReadonlySet<string> = new Set();

  constructor(log: Logger) {
    this.#log = log;
  }

  notice({ orphans }: Pick<Plan, 'orphans'>): void {
    const unknown = orphans.filter(({ id }) => !this.#known.has(id));
    this.#known = new Set(orphans.map(({ id }) => id));
    if (unknown.length === 0) return;
    const firewalls = [...new Set(unknown.map(({ firewall }) => firewall ?? '(unknown)'))];
    const objects = unknown.map(({ id }) => id);
    this.#log.info(
      { firewalls, objects },
      'left alone: generated objects whose ClusterFirewall does not exist',
    );
  }
}
