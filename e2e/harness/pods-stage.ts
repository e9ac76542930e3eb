/** One cluster, one operator and the cast, for all scenarios of a run. */
import type { Endpoint, StartedCluster } from '../cluster.ts';
import { MUTATING_POLICIES } from './mutating-policies.ts';
import { installManifests, startOperator, type StartedOperator } from './operator-process.ts';
import type { LocalCluster } from '../local/cluster.ts';
import { localCluster } from '../providers/local.ts';
import { DNS_SERVICE, NAMESPACES, NODE_LOCAL_DNS, NODE_PORTS, OUTSIDE, PODS } from './cast.ts';
import type { ActorName } from './rows.ts';
import type { Actors } from './sweep.ts';

export interface Stage extends Actors, AsyncDisposable {
  readonly cluster: StartedCluster;
  /** The stage that runs now. */
  readonly operator: StartedOperator;
  restartOperator(): Promise<void>;
  /** Adds one participant for one scenario. Its name has the form of rows. */
  enter(name: ActorName, endpoint: Endpoint): void;
  leave(name: ActorName): void;
}

/** The controllers that finish the deletion of objects and namespaces. */
const CONTROLLERS = ['garbage-collector-controller', 'namespace-controller'];

/** The cluster of a stage, not started. */
export const stageCluster = (): LocalCluster =>
  localCluster({ controllers: CONTROLLERS, apiServerArgs: MUTATING_POLICIES });

/** @param absent namespaces of the cast that are left out, with their pods */
export async function startStage(absent: readonly string[] = []): Promise<Stage> {
  const cluster = await stageCluster().start();
  try {
    const [entered, start] = await Promise.all([enterStage(cluster, absent), operatorStarter(cluster)]);
    return stage(entered, start, await start());
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

async function operatorStarter(cluster: StartedCluster): Promise<() => Promise<StartedOperator>> {
  const identity = await installManifests(cluster);
  return () => startOperator(cluster, identity);
}

/** The cast on its cluster, whoever runs the operator there. */
export type Entered = Omit<Stage, 'operator' | 'restartOperator' | typeof Symbol.asyncDispose>;

export async function enterStage(cluster: StartedCluster, absent: readonly string[] = []): Promise<Entered> {
  const actors = await enterCast(cluster, absent);
  /** Targets that have addresses and send nothing. */
  const targets = new Map([
    ['node-local-dns', NODE_LOCAL_DNS.own],
    // Where Services lead to pods, this one leads to CoreDNS, which is no echo server.
    ['dns-service', cluster.servesServices ? NODE_LOCAL_DNS.own : NODE_LOCAL_DNS.service],
    ['kube-apiserver', await apiServerAddresses(cluster)],
  ]);
  const endpoint = (name: ActorName): Endpoint => {
    const found = actors.get(name);
    if (found === undefined) throw new Error(`no participant is called ${name}: see cast.ts`);
    return found;
  };
  return {
    cluster,
    endpoint,
    addresses: (name) => targets.get(name) ?? endpoint(name).addresses,
    enter: (name, newcomer) => actors.set(name, newcomer),
    leave: (name) => actors.delete(name),
  };
}

function stage(entered: Entered, start: () => Promise<StartedOperator>, started: StartedOperator): Stage {
  let operator = started;
  return {
    ...entered,
    get operator() {
      return operator;
    },
    restartOperator: async () => {
      await operator.stop();
      operator = await start();
    },
    [Symbol.asyncDispose]: async () => {
      await operator.stop();
      await entered.cluster.stop();
    },
  };
}

async function enterCast(
  cluster: StartedCluster,
  absent: readonly string[],
): Promise<Map<ActorName, Endpoint>> {
  const actors = new Map<ActorName, Endpoint>();
  for (const node of cluster.nodes) {
    const addresses = [...NODE_LOCAL_DNS.own, ...(cluster.servesServices ? [] : NODE_LOCAL_DNS.service)];
    for (const address of addresses) await node.addAddress(address, NODE_LOCAL_DNS.ports);
    await node.listen(NODE_PORTS);
    actors.set(`node/${node.name}`, node);
  }
  await Promise.all(
    Object.entries(NAMESPACES)
      .filter(([name]) => !absent.includes(name))
      .map(([name, labels]) => cluster.createNamespace(name, labels)),
  );
  if (!cluster.servesServices) {
    await cluster.kubectl(['create', '--filename=-'], { input: JSON.stringify(DNS_SERVICE) });
  }
  const pods = PODS.filter(({ namespace }) => !absent.includes(namespace)).map(async (spec) => {
    actors.set(`${spec.namespace}/${spec.name}`, await cluster.createPod(spec));
  });
  const hosts = OUTSIDE.map(async (spec) => {
    actors.set(`outside/${spec.name}`, await cluster.createOutsideHost(spec));
  });
  await Promise.all([...pods, ...hosts]);
  return actors;
}

async function apiServerAddresses(cluster: StartedCluster): Promise<readonly string[]> {
  const ofService = 'kubernetes.io/service-name=kubernetes';
  const addresses = 'jsonpath={.items[*].endpoints[*].addresses[*]}';
  const text = await cluster.kubectl([
    'get',
    'endpointslices',
    '--selector',
    ofService,
    '--output',
    addresses,
  ]);
  return text.split(' ');
}
