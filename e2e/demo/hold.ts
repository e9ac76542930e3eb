/**
 * Holds a running demo: starts it, reports to the process that started it, and then answers on a socket until
 * it is stopped.
 */
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import path from 'node:path';
import { program } from '../harness/firewall.ts';
import { stageCluster, startStage, type Stage } from '../harness/pods-stage.ts';
import { waitFor } from '../wait.ts';
import { SOCKET, type Progress } from './protocol.ts';
import { compared, probeRows, wrong, type Verdicts } from './table.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SAMPLE = 'config/samples/wordpress.yaml';

// The process that started us may have ended before our last output.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
function tell(message: Progress): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  if (process.send === undefined) resolve(undefined);
  else
    process.send(message, () => {
      resolve(undefined);
    });
  return promise;
}

/** Resolves once all of it is removed, to the connection on which a client asked for that. */
async function hold(): Promise<Socket | undefined> {
  const cluster = stageCluster();
  say(
    (await cluster.needsBuild())
      ? 'Part 1 of 3: build Kubernetes, Calico and etcd from source, about 20 minutes on two cores, only this once'
      : 'Part 1 of 3: find the programs in the cache, about a second',
  );
  const kubectl = (await cluster.prepare()).path('kubectl');
  say('Part 2 of 3: start etcd, the API server, Calico on two nodes, the operator and pods, about 1 minute');
  // Its namespace would be a warning, because no Calico operator runs here.
  await using stage = await startStage(['tigera-operator']);
  say(`Part 3 of 3: send packets, apply ${SAMPLE}, and send them again, about half a minute`);
  const before = await probeRows(stage);
  say('  sent; applying');
  await program(stage.cluster, await readFile(path.join(ROOT, SAMPLE), 'utf8'));
  say('  applied; sending again');
  const after = await settled(stage);
  const shown = [
    `\nPackets, before and after:\n\n${compared({ BEFORE: before, AFTER: after })}`,
    await shownCommand(stage, ['get', 'cfw']),
    await shownCommand(stage, ['describe', 'cfw', 'default']),
    hints(stage, kubectl),
  ];
  const { stopped } = await serve(stage);
  await tell({ text: shown.join('\n') });
  if (process.connected) process.disconnect();
  return await stopped;
}

/** The nodes are programmed. Packets agree a moment later. */
async function settled(stage: Stage): Promise<Verdicts> {
  let last: Verdicts = new Map();
  await waitFor(
    async () => {
      last = await probeRows(stage);
      return wrong(last).length === 0 || undefined;
    },
    {
      what: 'packets to do what the sample says',
      within: 30_000,
      explain: () =>
        Promise.resolve(
          wrong(last)
            .map((row) => JSON.stringify(row))
            .join('\n'),
        ),
    },
  );
  return last;
}

async function shownCommand({ cluster }: Stage, args: readonly string[]): Promise<string> {
  return `$ kubectl ${args.join(' ')}\n${await cluster.kubectl(args)}`;
}

const hints = ({ cluster, operator }: Stage, kubectl: string): string => `It is running. Try:

  export PATH=${path.dirname(kubectl)}:$PATH   # kubectl, as it was built here
  export KUBECONFIG=${cluster.kubeconfig}
  kubectl explain clusterfirewall.spec.namespaces
  kubectl edit cfw default                       # open 81 next to 80, then: make demo-probe
  kubectl delete globalnetworkpolicies.projectcalico.org --all
                                                 # they are back before you look: kubectl get globalnetworkpolicies.projectcalico.org
  kubectl diff -f config/samples/service.yaml    # most samples are called default too: applying one replaces
                                                 # the firewall above, and the table then shows other verdicts
  kubectl apply -f ${SAMPLE}   # this brings it back
  kubectl delete cfw default                     # everything generated goes, denies first
  tail -f ${operator.logFile}

  make demo-probe                                # the table again
  make demo-stop                                 # removes all of it
`;

/** Listens. `stopped` resolves when a client asked to stop, or a signal arrived. */
async function serve(stage: Stage): Promise<{ readonly stopped: Promise<Socket | undefined> }> {
  await rm(SOCKET, { force: true });
  const { promise: stopped, resolve: stop } = Promise.withResolvers<Socket | undefined>();
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (word) => void answer(stage, socket, String(word).trim(), stop));
  });
  server.listen(SOCKET);
  await once(server, 'listening');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => {
      stop(undefined);
    });
  return {
    stopped: stopped.then((socket) => {
      server.close();
      return socket;
    }),
  };
}

async function answer(
  stage: Stage,
  socket: Socket,
  word: string,
  stop: (socket: Socket) => void,
): Promise<void> {
  if (word === 'stop') {
    socket.write('Stopping …\n');
    stop(socket);
    return;
  }
  const now = await probeRows(stage);
  socket.end(compared({ NOW: now }));
}

try {
  const asked = await hold();
  asked?.end('The cluster and everything in it is removed.\n');
} catch (error) {
  await tell({ failed: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
}
