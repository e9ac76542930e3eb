/**
 * `make fuzz-felix`: compares the simulator with Felix. The last line is `N passed, N failed`; the exit code is
 * 1 if anything differed. RESULT names a file for both numbers as JSON.
 * @example COUNT=300 SEED=7 node e2e/fuzz-felix/main.ts
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Shape } from './cast.ts';
import { campaign } from './campaign.ts';
import { survivors } from './mutants.ts';
import { keep } from './replay.ts';
import { table } from './report.ts';

const SHAPES: readonly Shape[] = ['routed', 'VXLAN'];
/** Disagreements are kept here, to become fixtures. */
const FOUND = path.join(import.meta.dirname, 'found');

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const rounds = wholeNumber('COUNT', 20);
const seed = wholeNumber('SEED', Math.floor(Math.random() * 2 ** 31));
const packets = wholeNumber('PACKETS', 75);
const only = process.env['SHAPE'] ?? '';
const shapes = SHAPES.filter((shape) => only === '' || shape === only);
if (shapes.length === 0) throw new Error(`SHAPE: there is no ${only}; there are ${SHAPES.join(' and ')}`);

say(`COUNT=${String(rounds)} SEED=${String(seed)} PACKETS=${String(packets)} repeats this run`);
const minutes = wholeNumber('MINUTES', 0);
const record = process.env['RECORD'] ?? '';
const totals = await campaign(
  {
    seed,
    rounds,
    packets,
    shapes,
    shrinks: true,
    flowLogs: process.env['FLOWS'] === '1',
    ...(minutes > 0 && { within: minutes * 60_000 }),
    ...(record !== '' && {
      keep: (round) => {
        keep(record, round);
      },
    }),
  },
  say,
);
for (const [index, fixture] of totals.fixtures.entries()) {
  await mkdir(FOUND, { recursive: true });
  const file = path.join(FOUND, `${String(seed)}-${String(index)}.json`);
  await writeFile(file, `${JSON.stringify(fixture, null, 1)}\n`);
  say(`kept ${file}`);
}
say(`\n${table(totals)}`);
const alive = process.env['MUTANTS'] === '1' ? await survivors(totals.recorded, say) : [];
const { disagreements, interrupted, flowDifferences } = totals;
const failed = disagreements.length + interrupted.length + flowDifferences.length + alive.length;
const passed = totals.packets - totals.disagreements.length;
const result = process.env['RESULT'] ?? '';
if (result !== '') await writeFile(result, JSON.stringify({ passed, failed }));
say(`\n${String(passed)} passed, ${String(failed)} failed`);
// Exits immediately, because open handles to a removed cluster would keep the process alive.
process.exit(failed > 0 ? 1 : 0);

function wholeNumber(name: string, otherwise: number): number {
  const text = process.env[name] ?? '';
  if (text === '') return otherwise;
  if (!/^\d{1,10}$/.test(text)) throw new Error(`${name} must be a whole number, not "${text}"`);
  return Number(text);
}
