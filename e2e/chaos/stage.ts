/** One cluster with its pods and operators, and the firewall in a known state. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Endpoint, StartedCluster } from '../cluster.ts';
import type { Api } from '../local/control-plane/api.ts';
import { waitFor } from '../wait.ts';
import { installManifests } from '../harness/operator-process.ts';
import { localCluster } from '../providers/local.ts';
import { administratorApi } from './api.ts';
import { HOST_PORTS, NAMESPACES, OUTSIDE, PODS } from './cast.ts';
import { createOperators, type Operators } from './operators.ts';
import { createControlPaths, startProbes, type Actors, type Probes } from './probes.ts';
import { applyState, INITIAL, type State } from './state.ts';
import { compareAtRest, type AtRest } from './stored.ts';

export interface Stage extends AsyncDisposable {
  readonly cluster: StartedCluster;
  readonly api: Api;
  readonly operators: Operators;
  /** The state of the firewall after the work so far. */
  state: State;
  /** Notes that an object is contested, and stays reported as such for some time after the last change. */
  noteContest(): void;
  startProbes(): Promise<Probes>;
  /**
   * Waits until all stored objects match the state and stay unchanged. @throws an error that names the
   * differences
   */
  atRest(): Promise<void>;
}

const AT_REST_WITHIN = 120_000;
/**
 * Time after which an object is no longer DriftContested (docs/operations.md): five minutes from the last repair,
 * which a fault may delay, plus a status write.
 */
const CONTESTED_MS = AT_REST_WITHIN + 310_000;
/** Time without writes that counts as rest. */
const UNTOUCHED_MS = 1000;

/** @param every milliseconds from one packet of a probed flow to the next */
export async function startStage(every = 20): Promise<Stage> {
  const cluster = await localCluster().start();
  const api = await administratorApi(cluster);
  try {
    const [actors, identity] = await Promise.all([enterCast(cluster), installManifests(cluster)]);
    const folder = path.join(cluster.workDir, 'chaos');
    await mkdir(folder);
    const lines = await createControlPaths(cluster, actors);
    const operators = createOperators(cluster, api, identity);
    await operators.replace();
    const context = { api, folder, operatorNamespace: identity.namespace };
    let contestedUntil = 0;
    const stage: Stage = {
      cluster,
      api,
      operators,
      state: INITIAL,
      startProbes: () => startProbes(lines, every),
      noteContest: () => {
        contestedUntil = performance.now() + CONTESTED_MS;
      },
      atRest: () => atRest(() => compareAtRest(context, stage.state, performance.now() < contestedUntil)),
      [Symbol.asyncDispose]: async () => {
        api.close();
        await operators.stop();
        await cluster.stop();
      },
    };
    await applyState(api, INITIAL);
    return stage;
  } catch (error) {
    api.close();
    await cluster.stop();
    throw error;
  }
}

async function enterCast(cluster: StartedCluster): Promise<Actors> {
  await Promise.all(
    Object.entries(NAMESPACES).map(([name, labels]) => cluster.createNamespace(name, labels)),
  );
  const actors = new Map<string, Endpoint>();
  await Promise.all([
    ...PODS.map(async (spec) => {
      actors.set(`${spec.namespace}/${spec.name}`, await cluster.createPod(spec));
    }),
    ...OUTSIDE.map(async (spec) => {
      actors.set(`outside/${spec.name}`, await cluster.createOutsideHost(spec));
    }),
    ...cluster.nodes.map(async (node) => {
      actors.set(node.name, node);
      await node.listenOnEach(HOST_PORTS);
    }),
  ]);
  return actors;
}

async function atRest(lookNow: () => Promise<AtRest>): Promise<void> {
  let wrong: readonly string[] = [];
  const look = async (): Promise<true | undefined> => {
    const before = await lookNow();
    wrong = before.wrong;
    if (wrong.length > 0) return undefined;
    await delay(UNTOUCHED_MS);
    const after = await lookNow();
    wrong = after.versions === before.versions ? after.wrong : ['something is still written'];
    return wrong.length === 0 || undefined;
  };
  await waitFor(look, {
    what: 'what is stored to be what is desired, and to stay so',
    within: AT_REST_WITHIN,
    every: 300,
    explain: () => Promise.resolve(wrong.join('\n')),
  });
}
