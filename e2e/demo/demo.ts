/**
 * `make demo`: a cluster, the operator and the WordPress sample, which stay running for the reader. A process
 * of its own holds them (hold.ts). This one shows its output and ends, or asks it to probe again or to stop.
 */
import { fork } from 'node:child_process';
import { connect } from 'node:net';
import path from 'node:path';
import { systemClock } from '../../src/cluster/clock.ts';
import { SOCKET, type Progress } from './protocol.ts';
import { tellOfSilence } from './silence.ts';

const command = process.argv[2] ?? 'up';

if (command === 'up') {
  if (await ask('probe')) process.stdout.write('\nThe demo was running already. `make demo-stop` ends it.\n');
  else await start();
} else if (command === 'probe' || command === 'stop') {
  if (!(await ask(command))) fail('no demo is running: start one with `make demo`');
} else {
  fail(`unknown command ${command}: up, probe or stop`);
}

/** False when nobody listens. */
function ask(what: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(SOCKET);
    socket.once('connect', () => socket.write(`${what}\n`));
    socket.on('data', (text) => process.stdout.write(text));
    socket.once('end', () => {
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(false);
      else reject(error);
    });
  });
}

async function start(): Promise<void> {
  const holder = fork(path.join(import.meta.dirname, 'hold.ts'), { detached: true, silent: true });
  const silence = tellOfSilence(systemClock, say);
  for (const stream of [holder.stdout, holder.stderr]) stream?.on('data', silence.heard);
  holder.stdout?.pipe(process.stdout);
  holder.stderr?.pipe(process.stderr);
  const interrupt = (): void => {
    holder.kill('SIGTERM');
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  const outcome = await new Promise<Progress>((resolve) => {
    holder.once('message', (message) => {
      resolve(message as Progress);
    });
    holder.once('exit', (code, signal) => {
      resolve({ failed: `the demo ended: ${signal ?? `exit code ${String(code)}`}` });
    });
  });
  silence.end();
  if (outcome.failed !== undefined) fail(outcome.failed);
  process.stdout.write(outcome.text);
  process.exit(0);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
