/** (l): what the largest and most wasteful firewalls do to the operator. */
import { setTimeout as delay } from 'node:timers/promises';
import { LARGE_SPECS, NEARLY_ETCDS_LIMIT } from '../../src/compiler/testing/large-firewalls.ts';
import type { Status } from '../../src/api/status.ts';
import { get } from '../../src/cluster/objects/apply.ts';
import { ApiError } from '../../src/cluster/errors.ts';
import type { Transport } from '../../src/cluster/http/transport.ts';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import { waitFor } from '../wait.ts';
import type { StartedBundle } from './bundle.ts';
import { applyFirewall } from './firewalls.ts';
import { count, createAll, FIREWALLS, namespace, NAMESPACES, node, NODES } from './load.ts';
import type { Part } from './parts.ts';
import { cpuSecondsOf, memoryOf } from './process-usage.ts';
import { startRig, type Rig } from './rig.ts';
import { duration, megabytes } from './statistics.ts';
import { withGoal, type Row } from './table.ts';

const SPECS = 200;
/** `limits.memory` of config/manager: 512Mi. */
const MEMORY_LIMIT = 512 * 1024 * 1024;
/** A liveness probe waits for a second, three times, ten seconds apart. */
const WAIT_GOAL = 2000;
const ASK_EVERY_MS = 50;
const WITHIN = 120_000;

export const measureLarge: Part = async ({ note }) => {
  await using rig = await startRig({ mode: 'native' });
  await createAll(
    rig.client,
    NAMESPACES,
    ['a', ...count(100).map((index) => `n${index.toString(36)}`)].map((name) => namespace(name)),
  );
  await createAll(rig.client, NODES, count(3).map(node));
  await using operator = await rig.startOperator();
  const health = watchHealth(operator);
  let worst: Wait & { readonly name: string } = { ...NO_WAIT, name: '' };
  const shapes = Object.entries(LARGE_SPECS);
  for (const index of count(SPECS)) {
    const [name, spec] = shapes[index % shapes.length] ?? [];
    if (name === undefined || spec === undefined) break;
    // A little smaller each time, so no spec equals one before.
    await judged(rig, spec, NEARLY_ETCDS_LIMIT - 20_000 * Math.floor(index / shapes.length));
    const wait = health.longest();
    if (wait.milliseconds > worst.milliseconds) worst = { ...wait, name };
    const { rss, peak } = await memoryOf(operator.pid);
    note(
      `(l) ${index + 1} of ${SPECS}, ${name}: waited ${inWords(wait)}, RSS ${megabytes(rss)}, peak ${megabytes(peak)}`,
    );
  }
  await health.stop();
  const { peak } = await memoryOf(operator.pid);
  return [
    withGoal(row('peak memory (RSS)', megabytes(peak)), '≤ 512Mi', peak, MEMORY_LIMIT),
    withGoal(
      row(`longest wait for /healthz (${worst.name})`, inWords(worst)),
      '≤ 2 s',
      worst.milliseconds,
      WAIT_GOAL,
    ),
  ];
};

const inWords = ({ milliseconds, cpu }: Wait): string =>
  `${duration(milliseconds)}, ${duration(1000 * cpu)} of CPU`;

const row = (what: string, figure: string): Pick<Row, 'part' | 'what' | 'figure'> => ({
  part: 'l',
  what: `${SPECS} firewalls near etcd's limit, one after the other: ${what}`,
  figure,
});

/** Writes as much of the spec as etcd takes, and waits until the status is about it. */
async function judged({ client }: Rig, spec: (bytes: number) => object, bytes: number): Promise<void> {
  const written = await largest(client, spec, bytes);
  await waitFor(
    async () => {
      const status = (await get(client, FIREWALLS, 'default'))?.['status'] as Status | undefined;
      return status?.observedGeneration === written.metadata.generation ? true : undefined;
    },
    { what: 'a status of the new generation', within: WITHIN, every: 250 },
  );
}

/** The API server adds to the object who owns which field: names and members of sets stand in it twice. */
async function largest(
  client: Transport,
  spec: (bytes: number) => object,
  bytes: number,
): Promise<KubernetesObject> {
  try {
    return await applyFirewall(client, firewall(spec(bytes)));
  } catch (error) {
    if (!(error instanceof ApiError && /too large|larger than max/.test(error.message)) || bytes < 100_000)
      throw error;
    return await largest(client, spec, 0.85 * bytes);
  }
}

const firewall = (spec: object): KubernetesObject => ({
  apiVersion: 'clusterfirewall.io/v1alpha1',
  kind: 'ClusterFirewall',
  metadata: { name: 'default' },
  spec,
});

interface Wait {
  readonly milliseconds: number;
  /** Seconds of CPU that the operator used meanwhile. On a busy machine it waits for the rest. */
  readonly cpu: number;
}

const longer = (a: Wait, b: Wait): Wait => (a.milliseconds >= b.milliseconds ? a : b);
const NO_WAIT: Wait = { milliseconds: 0, cpu: 0 };

/** Asks /healthz all the time, as a probe does that never waits for long. */
function watchHealth({ url, pid }: StartedBundle) {
  let longest = NO_WAIT;
  const end = new AbortController();
  let failure: unknown;
  const asking = (async () => {
    while (!end.signal.aborted && failure === undefined) {
      const [began, before] = [performance.now(), await cpuSecondsOf(pid)];
      try {
        // A probe has a connection of its own.
        await fetch(`${url}/healthz`, { headers: { connection: 'close' } });
        longest = longer(longest, {
          milliseconds: performance.now() - began,
          cpu: (await cpuSecondsOf(pid)) - before,
        });
      } catch (error) {
        failure = error;
      }
      await delay(ASK_EVERY_MS);
    }
  })();
  return {
    /** The longest since the last call. */
    longest: (): Wait => {
      if (failure !== undefined) throw new Error('the operator does not answer', { cause: failure });
      const found = longest;
      longest = NO_WAIT;
      return found;
    },
    stop: async (): Promise<void> => {
      end.abort();
      await asking;
    },
  };
}
