/**
 * (h): the time from an edit of the ClusterFirewall to the first packet with the new verdict, on both
 * dataplanes.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Endpoint, StartedCluster, StartedPod } from '../cluster.ts';
import { applyFirewall, ready } from './firewalls.ts';
import { firewall } from './load.ts';
import type { Part } from './parts.ts';
import { startRig, whileRunning, type Rig } from './rig.ts';
import { duration, tail } from './statistics.ts';
import type { Row } from './table.ts';

const EDITS = 25;
const PORT = 8080;
const OTHER_PORT = 8081;
/** Each probe is one SYN. A probe every 10 ms is the resolution. */
const EVERY_MS = 10;
const PROBE_MS = 800;
/** This many probes in a row with the new verdict prove the change. */
const CERTAIN = 20;
const WITHIN = 30_000;

type Verdict = 'allowed' | 'refused';

export const measurePackets: Part = async ({ note }) => {
  note('(h) packets after an edit');
  const nodes = [
    { name: 'node1', dataplane: 'iptables' },
    { name: 'node2', dataplane: 'nftables' },
  ] as const;
  await using rig = await startRig({ mode: 'aggregated', nodes });
  const office = await rig.cluster.createOutsideHost({ name: 'office', addresses: ['198.51.100.7'] });
  await rig.cluster.createNamespace('shop');
  const pods = await Promise.all(nodes.map((node) => startPod(rig.cluster, node)));
  const rounds = await whileRunning(rig, async () => {
    await applyFirewall(rig.client, shop(PORT));
    await ready(rig.client);
    await rig.cluster.policiesProgrammed();
    const delays: (readonly number[])[] = [];
    for (let round = 0; round < 2 * EDITS; round += 1) {
      delays.push(await delaysOf(rig, office, pods, round % 2 === 0 ? 'refused' : 'allowed'));
    }
    return delays;
  });
  return nodes.flatMap(({ dataplane }, node) =>
    (['refused', 'allowed'] as const).map((verdict, parity): Row => {
      const delays = rounds.filter((_, round) => round % 2 === parity).flatMap((each) => each[node] ?? []);
      const what = `${dataplane}: ClusterFirewall edited → packet ${verdict}, p50, p99 (max) of ${delays.length}`;
      return { part: 'h', what, figure: tail(delays, duration) };
    }),
  );
};

const startPod = (cluster: StartedCluster, node: { readonly name: string }): Promise<StartedPod> =>
  cluster.createPod({
    namespace: 'shop',
    name: `web-${node.name}`,
    node: node.name,
    labels: { app: 'web' },
    ports: [{ port: PORT }],
  });

const shop = (port: number) =>
  firewall({
    namespaces: [
      {
        name: 'shop',
        namespaces: ['shop'],
        ingress: [
          { name: 'web', pods: { matchLabels: { app: 'web' } }, from: [{ peer: 'office' }], ports: [port] },
        ],
      },
    ],
  });

/** Milliseconds from the edit to the first of many packets with the new verdict, one value for each pod. */
async function delaysOf(
  rig: Rig,
  from: Endpoint,
  pods: readonly StartedPod[],
  wanted: Verdict,
): Promise<readonly number[]> {
  const watched = pods.map((pod) => new Flow(from, pod));
  await delay(CERTAIN * EVERY_MS);
  const began = performance.now();
  await applyFirewall(rig.client, shop(wanted === 'refused' ? OTHER_PORT : PORT));
  const turned = await Promise.all(watched.map((flow) => flow.turns(wanted)));
  await ready(rig.client);
  return turned.map((at) => at - began);
}

interface Sent {
  readonly at: number;
  verdict?: Verdict;
}

/** Probes one pod repeatedly, until it is asked when the verdict changed. */
export class Flow {
  readonly #sent: Sent[] = [];
  readonly #probes = new Set<Promise<void>>();
  readonly #from: Endpoint;
  readonly #pod: StartedPod;
  readonly #port: number;
  readonly #timer: NodeJS.Timeout;

  constructor(from: Endpoint, pod: StartedPod, port = PORT) {
    this.#from = from;
    this.#pod = pod;
    this.#port = port;
    this.#timer = setInterval(() => {
      this.#probe();
    }, EVERY_MS);
  }

  /** The time at which the first packet was sent since which all have the wanted verdict. */
  async turns(wanted: Verdict): Promise<number> {
    const deadline = performance.now() + WITHIN;
    try {
      for (;;) {
        const first = this.#firstOf(wanted);
        if (first !== undefined) return first;
        if (performance.now() > deadline) throw new Error(`${this.#pod.name}: packets are not ${wanted}`);
        await delay(EVERY_MS);
      }
    } finally {
      clearInterval(this.#timer);
      await Promise.all(this.#probes);
    }
  }

  #firstOf(wanted: Verdict): number | undefined {
    const known = this.#sent.slice(0, this.#sent.findLastIndex(({ verdict }) => verdict !== undefined) + 1);
    const last = known.findLastIndex(({ verdict }) => verdict !== undefined && verdict !== wanted);
    const run = known.slice(last + 1).filter(({ verdict }) => verdict === wanted);
    return run.length < CERTAIN ? undefined : run[0]?.at;
  }

  #probe(): void {
    const sent: Sent = { at: performance.now() };
    this.#sent.push(sent);
    const probe = this.#from
      .probe({ host: this.#pod.address, port: this.#port }, { timeout: PROBE_MS })
      .then((result) => {
        if (result.verdict !== 'inconclusive') sent.verdict = result.verdict;
      })
      .finally(() => this.#probes.delete(probe));
    this.#probes.add(probe);
  }
}
