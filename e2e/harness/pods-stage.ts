/** One cluster, one operator and the cast, for all scenarios of a run. */
import type { Endpoint, StartedCluster } from '../cluster.ts';
import { installManifests, startOperator, type StartedOperator } from './operator-process.ts';
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

export async function startStage(): Promise<Stage> {
  const cluster = await localCluster({ controllers: CONTROLLERS }).start();
  try {
    const [actors, start] = await Promise.all([enterCast(cluster), operatorStarter(cluster)]);
    const targets = new Map([
      ['node-local-dns', NODE_LOCAL_DNS.own],
      ['dns-service', NODE_LOCAL_DNS.service],
      ['kube-apiserver', await apiServerAddresses(cluster)],
    ]);
    return stage({ cluster, actors, targets, start }, await start());
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

async function operatorStarter(cluster: StartedCluster): Promise<() => Promise<StartedOperator>> {
  const identity = await installManifests(cluster);
  return () => startOperator(cluster, identity);
}

interface Parts {
  readonly cluster: StartedCluster;
  readonly actors: Map<ActorName, Endpoint>;
  /** Targets that have addresses and send nothing. */
  readonly targets: ReadonlyMap<ActorName, readonly string[]>;
  readonly start: () => Promise<StartedOperator>;
}

function stage({ cluster, actors, targets, start }: Parts, started: StartedOperator): Stage {
  let operator = started;
  const endpoint = (name: ActorName): Endpoint => {
    const found = actors.get(name);
    if (found === undefined) throw new Error(`no participant is called ${name}: see cast.ts`);
    return found;
  };
  return {
    cluster,
    get operator() {
      return operator;
    },
    restartOperator: async () => {
      await operator.stop();
      operator = await start();
    },
    endpoint,
    addresses: (name) => targets.get(name) ?? endpoint(name).addresses,
    enter: (name, newcomer) => actors.set(name, newcomer),
    leave: (name) => actors.delete(name),
    [Symbol.asyncDispose]: async () => {
      await operator.stop();
      await cluster.stop();
    },
  };
}

async function enterCast(cluster: StartedCluster): Promise<Map<ActorName, Endpoint>> {
  const actors = new Map<ActorName, Endpoint>();
  for (const node of cluster.nodes) {
    for (const address of [...NODE_LOCAL_DNS.own, ...NODE_LOCAL_DNS.service])
      await node.addAddress(address, NODE_LOCAL_DNS.ports);
    await node.listen(NODE_PORTS);
    actors.set(`node/${node.name}`, node);
  }
  await Promise.all(
    Object.entries(NAMESPACES).map(([name, labels]) => cluster.createNamespace(name, labels)),
  );
  await cluster.kubectl(['create', '--filename=-'], { input: JSON.stringify(DNS_SERVICE) });
  const pods = PODS.map(async (spec) => {
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
