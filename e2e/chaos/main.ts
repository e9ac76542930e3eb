/**
 * `make chaos`: runs a campaign of faults and prints a line for each, and a table. The last line is `N
 * passed, N failed`. The exit code is 1 if any failed.
 * @example COUNT=100 SEED=7 FAULT=leader-kill RATE=50 node e2e/chaos/main.ts
 */
import { mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { campaign } from './campaign.ts';
import { FAULT_CLASSES } from './faults/all.ts';
import { schedule } from './schedule.ts';
import { hasFailed, line, table, type Outcome } from './report.ts';

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const count = wholeNumber('COUNT', 12);
const seed = wholeNumber('SEED', Math.floor(Math.random() * 2 ** 31));
const only = process.env['FAULT'] ?? '';
const classes = FAULT_CLASSES.filter(({ name }) => only === '' || name === only);
if (classes.length === 0) {
  throw new Error(
    `FAULT: there is no ${only}; there are ${FAULT_CLASSES.map(({ name }) => name).join(', ')}`,
  );
}
const rate = wholeNumber('RATE', 50);
if (rate < 1 || rate > 50) throw new Error(`RATE must be from 1 to 50 packets a second, not ${String(rate)}`);
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interruption.abort();
  });
}

say(
  `COUNT=${String(count)} SEED=${String(seed)}${only === '' ? '' : ` FAULT=${only}`} repeats this campaign`,
);
const folder = await mkdtemp(path.join(os.tmpdir(), 'clusterfirewall-chaos-'));
const outcomes: Outcome[] = [];
const options = {
  length: 'full',
  folder,
  every: Math.round(1000 / rate),
  signal: interruption.signal,
} as const;
for await (const outcome of campaign(schedule(count, seed, classes), options)) {
  outcomes.push(outcome);
  say(line(outcome));
}
const minutes = (performance.now() / 60_000).toFixed(1);
say(`\n${minutes} minutes\n\n${table(outcomes)}`);
// Exits immediately, because open handles to a removed cluster would keep the process alive.
process.exit(outcomes.some(hasFailed) || outcomes.length < count ? 1 : 0);

function wholeNumber(name: string, otherwise: number): number {
  const text = process.env[name] ?? '';
  if (text === '') return otherwise;
  if (!/^\d{1,9}$/.test(text)) throw new Error(`${name} must be a whole number, not "${text}"`);
  return Number(text);
}
