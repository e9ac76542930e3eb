/**
 * Fights over a generated object, with the whole controller: queue, back-off of repairs, copies and watches
 * together. However the fight goes, the object is as desired in time after the last blow, and it is the
 * operator's own clock that brings it back to that.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Clock } from '../cluster/clock.ts';
import { objectKey, type KubernetesObject } from '../cluster/resource.ts';
import { isRecord } from '../json.ts';
import { recordingLogger } from '../cluster/testing/logs.ts';
import { ManualClock } from '../cluster/testing/manual-clock.ts';
import { slow } from '../cluster/testing/slow-transport.ts';
import { FEWER } from '../compiler/testing/runs.ts';
import { random } from '../compiler/testing/variations.ts';
import { LABEL_ENFORCED, LABEL_MANAGED_BY } from '../compiler/names.ts';
import { Controller } from './controller.ts';
import { Metrics } from './metrics/metrics.ts';
import { contentHash } from './objects/content-hash.ts';
import { kindResource } from './objects/kinds.ts';
import { blogCluster, NAMESPACES, NODES, OPERATOR_NAMESPACE } from './testing/calico-server.ts';

const POLICIES = kindResource('NetworkPolicy');

/** The back-off never waits longer (drift.ts). */
const BACKOFF_MS = 60_000;
/** Requests, watch events, a copy that is listed anew. */
const SLACK_MS = 15_000;

/** Both in milliseconds. */
interface Imprecision {
  /** Passes between two looks at the clock. */
  readonly tick: () => number;
  /** How early the next timer comes: Node's come up to one, for it counts whole ones. */
  readonly early: () => number;
}

/** A clock as a process has it. */
function imprecise(manual: ManualClock, { tick, early }: Imprecision): Clock {
  let passed = 0;
  return {
    now: () => manual.now() + (passed += tick()),
    date: () => manual.date(),
    setTimeout: (callback, ms) => manual.setTimeout(callback, Math.max(0, ms - early())),
  };
}

const withoutLabel = (object: KubernetesObject): KubernetesObject => {
  const labels = Object.entries(object.metadata.labels ?? {}).filter(([key]) => key !== LABEL_MANAGED_BY);
  return { ...object, metadata: { ...object.metadata, labels: Object.fromEntries(labels) } };
};
const withSpec = (object: KubernetesObject, fields: object): KubernetesObject => ({
  ...object,
  spec: { ...fieldsOf(object['spec']), ...fields },
});
const withoutIngress = (object: KubernetesObject): KubernetesObject => {
  const spec = Object.entries(fieldsOf(object['spec'])).filter(([key]) => key !== 'ingress');
  return { ...object, spec: Object.fromEntries(spec) };
};
const fieldsOf = (spec: unknown): object => (isRecord(spec) ? spec : {});

/** A change of the object by another client; undefined: it deletes the object. */
const BLOWS: Readonly<Record<string, (object: KubernetesObject) => KubernetesObject | undefined>> = {
  strip: withoutLabel,
  empty: withoutIngress,
  change: (object) => withSpec(object, { order: 1 }),
  add: (object) => withSpec(object, { performanceHints: ['AssumeNeededOnEveryNode'] }),
  delete: () => undefined,
};

interface Fight {
  readonly blows: readonly string[];
  readonly everyMs: number;
  readonly lastsMs: number;
  /** When something else happens that makes the operator look. */
  readonly others: readonly number[];
  readonly delayMs: () => number;
  readonly imprecision: Imprecision;
}

const fight: fc.Arbitrary<Fight> = fc
  .record({
    blows: fc.array(fc.constantFrom(...Object.keys(BLOWS)), { minLength: 1, maxLength: 3 }),
    everyMs: fc.integer({ min: 50, max: 500 }),
    lastsMs: fc.integer({ min: 500, max: 12_000 }),
    others: fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 8 }),
    slowestMs: fc.constantFrom(1, 20, 200),
    chance: random,
  })
  .map(({ slowestMs, chance, ...each }) => ({
    ...each,
    delayMs: () => chance() * slowestMs,
    imprecision: { tick: () => chance() / 50, early: chance },
  }));

class Scene {
  readonly manual = new ManualClock();
  readonly log = recordingLogger();
  readonly server = blogCluster();
  readonly #stop = new AbortController();
  readonly #ended: Promise<unknown>;

  constructor({ imprecision, delayMs }: Fight) {
    const clock = imprecise(this.manual, imprecision);
    const transport = slow(this.server, { clock, delayMs });
    const controller = new Controller({
      transport,
      clock,
      log: this.log,
      operatorNamespace: OPERATOR_NAMESPACE,
      instance: 'operator',
      metrics: new Metrics(clock),
    });
    const { signal } = this.#stop;
    const finalizers = { settle: () => Promise.resolve() };
    const term = { transport, finalizers, signal };
    this.#ended = Promise.all([controller.run(signal), controller.lead(term)]);
  }

  touch(name: string, times: number): void {
    this.server.put(NAMESPACES, { metadata: { name, labels: { touched: String(times) } } });
  }

  get policy(): KubernetesObject | undefined {
    return [...this.server.collection(POLICIES).objects().values()][0];
  }

  strike(blow: string): void {
    const { policy } = this;
    if (policy === undefined) return;
    const struck = BLOWS[blow]?.(policy);
    if (struck === undefined) this.server.collection(POLICIES).delete(objectKey(policy));
    else this.server.put(POLICIES, struck);
  }

  get node(): KubernetesObject {
    return this.server.object(NODES, 'a');
  }

  get isLabelled(): boolean {
    return this.node.metadata.labels?.[LABEL_ENFORCED] !== undefined;
  }

  /** No node is to have the label: the firewall has no spec.nodes. */
  labelNode(): void {
    this.server.put(NODES, { metadata: { name: 'a', labels: { [LABEL_ENFORCED]: 'enforced' } } });
  }

  get lastLines(): string {
    const lines = this.log.lines.map((line) => JSON.stringify(line));
    return lines.slice(-20).join('\n');
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.manual.advance(SLACK_MS);
    await this.#ended;
  }
}

const hashOf = (object: KubernetesObject | undefined): string | undefined =>
  object === undefined ? undefined : contentHash(object);

/** @throws Error with the end of the operator's log when the object is not as it was before the fight */
async function expectRepair(fight: Fight): Promise<void> {
  const { blows, everyMs, lastsMs, others } = fight;
  const scene = new Scene(fight);
  const { manual } = scene;
  await manual.advance(SLACK_MS);
  const before = hashOf(scene.policy);
  expect(before).toBeDefined();
  const end = manual.now() + lastsMs;
  for (const at of others)
    manual.setTimeout(() => {
      scene.touch('blog', at);
    }, at);
  for (let blow = 0; manual.now() < end; blow += 1) {
    scene.strike(blows[blow % blows.length] ?? '');
    await manual.advance(everyMs);
  }
  await manual.advance(BACKOFF_MS + SLACK_MS);
  const after = hashOf(scene.policy);
  await scene.end();
  if (after !== before) throw new Error(`not repaired\n${scene.lastLines}`);
}

/** How early timers come, in milliseconds. */
const EARLY = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const stripped = (early: number): Fight => {
  const imprecision = { tick: () => 0.01, early: () => early };
  return { blows: ['strip'], everyMs: 50, lastsMs: 3000, others: [], delayMs: () => 1, imprecision };
};

describe('an object that was fought over is as desired in time after the last blow', () => {
  test('however the fight goes', async () => {
    await fc.assert(fc.asyncProperty(fight, expectRepair), FEWER);
  }, 300_000);

  test.each(EARLY)('though timers come %s ms early', async (early) => {
    await expectRepair(stripped(early));
  });
});

describe('an object that the server alters', () => {
  const altering =
    (chance: () => number) =>
    (object: KubernetesObject): KubernetesObject =>
      object.kind === 'NetworkPolicy' ? withSpec(object, { order: Math.floor(chance() * 1000) }) : object;

  // Each write makes another object, so each one has a watch event, and each event makes a round.
  test('differently each time is written a few times a minute, and is as desired in time after that', async () => {
    const example = fc.record({ fight, chance: random, lastsMs: fc.integer({ min: 0, max: 100_000 }) });
    await fc.assert(
      fc.asyncProperty(
        example,
        async ({ fight: { blows, others, delayMs, imprecision }, chance, lastsMs }) => {
          const scene = new Scene({ blows, everyMs: 0, lastsMs, others, delayMs, imprecision });
          const { manual, server } = scene;
          await manual.advance(SLACK_MS);
          const before = hashOf(scene.policy);
          server.fill = altering(chance);
          for (const blow of blows) scene.strike(blow);
          for (const at of others)
            manual.setTimeout(() => {
              scene.touch('blog', at);
            }, at);
          const written = server.writes().length;
          await manual.advance(lastsMs);
          const writes = server
            .writes()
            .slice(written)
            .filter((write) => write.startsWith('PUT'));
          server.fill = (object) => object;
          await manual.advance(BACKOFF_MS + SLACK_MS);
          const after = hashOf(scene.policy);
          await scene.end();
          // Tries after 1, 2, 4 … 60 s, and then one a minute.
          expect(writes.length).toBeLessThanOrEqual(8 + lastsMs / 60_000);
          if (after !== before) throw new Error(`not repaired\n${scene.lastLines}`);
        },
      ),
      FEWER,
    );
  }, 300_000);
});

describe('an enforcement label that was fought over is as desired in time after the last blow', () => {
  test.each(EARLY.flatMap((early) => [false, true].map((alone) => ({ early, alone }))))(
    'timers come $early ms early, no object is contested: $alone',
    async ({ early, alone }) => {
      const scene = new Scene(stripped(early));
      const { manual } = scene;
      await manual.advance(SLACK_MS);
      for (let blow = 0; blow < 60; blow += 1) {
        if (!alone) scene.strike('strip');
        scene.labelNode();
        await manual.advance(50);
      }
      await manual.advance(BACKOFF_MS + SLACK_MS);
      const { isLabelled, lastLines } = scene;
      await scene.end();
      if (isLabelled) throw new Error(`not repaired\n${lastLines}`);
    },
  );
});
