/** Runs one command line in this fresh process. Prints its exit code, its times and its memory as JSON. */
import { Readable } from 'node:stream';
import { main } from '../../src/cli/program.ts';

export interface Asked {
  readonly exitCode: number;
  /** The time of the command, without the start of the process. */
  readonly milliseconds: number;
  /** Milliseconds that all cores have worked for the process, its start included. */
  readonly processor: number;
  /** Bytes. */
  readonly memory: number;
  /** Characters that it printed. */
  readonly printed: number;
}

let printed = 0;
const began = performance.now();
const exitCode = await main(process.argv.slice(2), {
  stdin: () => Promise.resolve(new Uint8Array()),
  stdinParts: () => Readable.from([]),
  stdout: (text) => void (printed += text.length),
  stderr: (text) => process.stderr.write(text),
  connect: () => Promise.reject(new Error('there is no cluster here')),
  ask: () => Promise.resolve(undefined),
  date: () => new Date(),
  save: () => Promise.resolve(),
  color: false,
});
const { user, system } = process.cpuUsage();
const asked: Asked = {
  exitCode,
  milliseconds: performance.now() - began,
  processor: (user + system) / 1000,
  memory: process.resourceUsage().maxRSS * 1024,
  printed,
};
process.stdout.write(JSON.stringify(asked));
