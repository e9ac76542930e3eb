/** (s): questions about a large cluster, from a file. Each is asked in a fresh process, `explain` of the bundle. */
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
import { snapshotText, type Size } from './question-load.ts';
import { duration, median, megabytes, spread } from './statistics.ts';
import { withGoal, type Row } from './table.ts';

const run = promisify(execFile);
const SCRIPT = path.join(import.meta.dirname, 'question-once.ts');
const BUNDLE = path.resolve(import.meta.dirname, '../../dist/clusterfirewall.js');
const SIZE: Size = { namespaces: 1000, podsEach: 10, policies: 500 };
const WHAT = '10,000 pods, 1,000 namespaces, 500 policies';
/** 528 classes: something tells most of the programs of a namespace apart. */
const CLASSES: Size = { namespaces: 150, podsEach: 4, policies: 170 };
const TIMES = 5;
const VERDICTS = 200_000;

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
    note('reach');
    const reached = await ask(['reach', '--from', web, '--inventory', old, '-o', 'csv']);
    note('diff');
    const compared = await ask(['diff', old, now]);
    note('report');
    const report = await ask(['report', '--inventory', classes]);
    return [
      row('explain, with the start of the process', explained, 1000),
      await verdictRow(old),
      row('reach of one source', [reached.wall], 5000),
      memoryRow('reach of one source', reached, 600e6),
      row('diff of two that differ in a policy', [compared.wall], 8000),
      pageRow(report),
    ];
  } finally {
    await rm(folder, { recursive: true });
  }
};

const row = (what: string, samples: readonly number[], most: number): Row =>
  withGoal(
    { part: 's', what: `${WHAT}: ${what}`, figure: spread(samples, duration) },
    `< ${duration(most)}`,
    median(samples),
    most,
  );

const memoryRow = (what: string, { memory }: Asked, most: number): Row =>
  withGoal(
    { part: 's', what: `${WHAT}: ${what}, memory`, figure: megabytes(memory) },
    `< ${megabytes(most)}`,
    memory,
    most,
  );

const pageRow = ({ printed }: Asked): Row =>
  withGoal(
    { part: 's', what: '500 classes of ends: report, size of the page', figure: kilobytes(printed) },
    `< ${kilobytes(2e6)}`,
    printed,
    2e6,
  );

const kilobytes = (bytes: number): string => `${Math.round(bytes / 1000).toLocaleString('en')} kB`;

interface Timed extends Asked {
  readonly wall: number;
}

async function ask(argv: readonly string[]): Promise<Timed> {
  const began = performance.now();
  const { stdout } = await run(process.execPath, [SCRIPT, ...argv]);
  return { ...(JSON.parse(stdout) as Asked), wall: performance.now() - began };
}

async function timesOf(argv: readonly string[]): Promise<readonly number[]> {
  const found: number[] = [];
  for (let time = 0; time < TIMES; time++) {
    const began = performance.now();
    await run(process.execPath, [BUNDLE, ...argv]);
    found.push(performance.now() - began);
  }
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
    const began = performance.now();
    for (let index = from; index < from + VERDICTS; index++) {
      const [a, b] = [pods[(index * 7919) % pods.length], pods[(index * 104_729 + 1) % pods.length]];
      if (a === undefined || b === undefined) continue;
      const port = index % 2 === 0 ? 8080 : 9999;
      const hop = { source: a.addresses[0] ?? '', destination: b.addresses[0] ?? '', port };
      walk(prepared, { kind: 'pod', pod: a }, { ...header, port }, hop);
    }
    return performance.now() - began;
  };
  all(0);
  const perSecond = Math.round((VERDICTS / all(1)) * 1000);
  return {
    part: 's',
    what: `${WHAT}: verdicts about packets, warm`,
    figure: `${perSecond.toLocaleString('en')}/s`,
    goal: '≥ 200,000/s',
    met: perSecond >= 200_000,
  };
}
