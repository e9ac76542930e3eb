/**
 * (s): questions about a large cluster, from a file. Each is asked in a fresh process, `explain` and `validate` of the
 * bundle.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { PROTOCOL } from '../../src/calico/read/protocols.ts';
import { Prepared } from '../../src/simulator/prepared.ts';
import { readWorld } from '../../src/simulator/snapshot.ts';
import { walk } from '../../src/simulator/walk.ts';
import { parseSnapshot } from '../../src/snapshot/file.ts';
import { namespaceName } from './load.ts';
import type { Part } from './parts.ts';
import type { Asked } from './question-once.ts';
import { timed, type Timed } from './process-usage.ts';
import { snapshotText, type Size } from './question-load.ts';
import { duration, median, megabytes, spread } from './statistics.ts';
import { withGoal, type Row } from './table.ts';

const run = promisify(execFile);
const SCRIPT = path.join(import.meta.dirname, 'question-once.ts');
const BUNDLE = path.resolve(import.meta.dirname, '../../dist/clusterfirewall.js');
const SIZE: Size = { namespaces: 1000, podsEach: 10, policies: 500 };
const WHAT = '10,000 pods';
/** 528 classes: something tells most of the programs of a namespace apart. */
const CLASSES: Size = { namespaces: 150, podsEach: 4, policies: 170 };
const TIMES = 5;
const VERDICTS = 1_000_000;
/** Verdicts. */
const GOAL = 200_000;
/** Bytes that a question may take. */
const MEMORY = 600e6;
/** A manifest without assertions. */
const SAMPLE = path.resolve(import.meta.dirname, '../../config/samples/wordpress.yaml');

export const measureQuestions: Part = async ({ note }) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'bench-questions-'));
  try {
    const [old, now] = [path.join(folder, 'old.json'), path.join(folder, 'new.json')];
    await writeFile(old, snapshotText(SIZE));
    await writeFile(now, snapshotText(SIZE, 9999));
    const classes = path.join(folder, 'classes.json');
    await writeFile(classes, snapshotText(CLASSES));
    const [web, db] = [`${namespaceName(3)}/web-32`, `${namespaceName(3)}/db-30`];
    note('explain');
    const explained = await timesOf(['explain', web, db, '8080', '--inventory', old]);
    note('validate');
    const validated = await timesOf(['validate', '-f', SAMPLE]);
    const inCluster = await timesOf(['validate', '-f', SAMPLE, '--inventory', old]);
    note('reach');
    const reached = await ask(['reach', '--inventory', old]);
    note('diff');
    const compared = await ask(['diff', old, now]);
    note('report');
    const report = await ask(['report', '--inventory', classes]);
    return [
      ...timeRows(`${WHAT}: explain`, explained, 1000),
      await verdictRow(old),
      ...timeRows(`${WHAT}: reach of every pair`, [reached], 5000),
      memoryRow(`${WHAT}: reach of every pair: memory`, reached),
      ...timeRows(`${WHAT}: diff of two that differ in a policy`, [compared], 8000),
      memoryRow(`${WHAT}: diff of two that differ in a policy: memory`, compared),
      pageRow(report),
      memoryRow('500 classes of ends: report: memory', report),
      ...timeRows('without a cluster: validate without assertions', validated),
      ...timeRows(`${WHAT}: validate without assertions`, inCluster),
    ];
  } finally {
    await rm(folder, { recursive: true });
  }
};

/** @param most the goal, in milliseconds */
const timeRows = (what: string, samples: readonly Timed[], most?: number): readonly Row[] =>
  (['wall', 'processor'] as const).map((kind) => {
    const own = samples.map((sample) => sample[kind]);
    const about = kind === 'wall' ? what : `${what}: processor time`;
    const row = { part: 's', what: about, figure: spread(own, duration) };
    return most === undefined ? row : withGoal(row, `< ${duration(most)}`, median(own), most);
  });

const memoryRow = (what: string, { memory }: Asked): Row =>
  withGoal({ part: 's', what, figure: megabytes(memory) }, `< ${megabytes(MEMORY)}`, memory, MEMORY);

const pageRow = ({ printed }: Asked): Row =>
  withGoal(
    { part: 's', what: '500 classes of ends: report: size of the page', figure: kilobytes(printed) },
    `< ${kilobytes(2e6)}`,
    printed,
    2e6,
  );

const kilobytes = (bytes: number): string => `${Math.round(bytes / 1000).toLocaleString('en')} kB`;

/** The exit code is 4 where `diff` finds something. */
async function ask(argv: readonly string[]): Promise<Asked & Timed> {
  const began = performance.now();
  const { stdout } = await run(process.execPath, [SCRIPT, ...argv]);
  const asked = JSON.parse(stdout) as Asked;
  if (![0, 4].includes(asked.exitCode))
    throw new Error(`${argv.join(' ')} ended with exit code ${String(asked.exitCode)}`);
  return { ...asked, wall: performance.now() - began };
}

async function timesOf(argv: readonly string[]): Promise<readonly Timed[]> {
  const found: Timed[] = [];
  for (let time = 0; time < TIMES; time++) found.push(await timed(process.execPath, [BUNDLE, ...argv]));
  return found;
}

async function verdictRow(file: string): Promise<Row> {
  const { objects } = parseSnapshot(await readFile(file, 'utf8'));
  const prepared = new Prepared(readWorld(objects.map(({ value }) => value)));
  const { pods } = prepared.world;
  const header = {
    family: 4,
    protocol: PROTOCOL.TCP,
    sourcePort: 40_000,
    icmpType: 0,
    icmpCode: 0,
    state: 'new',
  } as const;
  const all = (from: number): number => {
    const before = process.cpuUsage();
    for (let index = from; index < from + VERDICTS; index++) {
      const [a, b] = [pods[(index * 7919) % pods.length], pods[(index * 104_729 + 1) % pods.length]];
      if (a === undefined || b === undefined) continue;
      const port = index % 2 === 0 ? 8080 : 9999;
      const hop = { source: a.addresses[0] ?? '', destination: b.addresses[0] ?? '', port };
      walk(prepared, { kind: 'pod', pod: a }, { ...header, port }, hop);
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
  };
  all(0);
  const perSecond = Math.round(VERDICTS / all(1));
  return {
    part: 's',
    what: `${WHAT}: verdicts about packets, warm, a second of processor time`,
    figure: `${perSecond.toLocaleString('en')}/s`,
    goal: '≥ 200,000/s',
    met: perSecond >= GOAL,
  };
}
