import { sleep, systemClock } from '../cluster/clock.ts';
import { runChecks, type Finding, type Grade } from '../inspect/check.ts';
import { checksAfter } from '../inspect/check-after.ts';
import { checksBefore } from '../inspect/check-before.ts';
import { columns } from './columns.ts';
import { withCluster, type ClusterFlags } from './commands/cluster.ts';
import type { CommandIO, Connection, ExitCode } from './io.ts';
import { printable } from './printable.ts';
import { VERSION } from './version.ts';

export interface CheckInput extends ClusterFlags {
  readonly pre?: true;
  /** Seconds. */
  readonly wait?: number;
  readonly output: 'text' | 'json';
}

const EVERY_MS = 2000;

/** Prints one line a check. Exit code 1 where one fails, and 3 where one has no answer. */
export function showCheck(input: CheckInput, io: CommandIO): Promise<ExitCode> {
  return withCluster(input, io, async (connection) => {
    const deadline = systemClock.now() + (input.wait ?? 0) * 1000;
    let findings = await look(input, connection, io);
    while (!isGood(findings) && systemClock.now() < deadline) {
      await sleep(systemClock, EVERY_MS);
      findings = await look(input, connection, io);
    }
    const exitCode = exitCodeOf(findings);
    io.stdout(input.output === 'json' ? asJson(findings, exitCode) : asText(findings));
    return exitCode;
  });
}

const look = (
  { pre, namespace }: CheckInput,
  { transport }: Connection,
  { date }: CommandIO,
): Promise<readonly Finding[]> =>
  runChecks({
    ...checksBefore(transport),
    ...(pre !== true && checksAfter({ transport, namespace, now: date, version: VERSION })),
  });

const has = (findings: readonly Finding[], wanted: Grade): boolean =>
  findings.some(({ grade }) => grade === wanted);

const isGood = (findings: readonly Finding[]): boolean => exitCodeOf(findings) === 0;

const exitCodeOf = (findings: readonly Finding[]): ExitCode =>
  has(findings, 'unknown') ? 3 : has(findings, 'failure') ? 1 : 0;

const WORDS: Readonly<Record<Grade, string>> = {
  ok: 'ok',
  warning: 'warning',
  failure: 'FAILS',
  unknown: 'unknown',
};

const asText = (findings: readonly Finding[]): string =>
  columns(findings.map(({ check, grade, message }) => [check, WORDS[grade], printable(message)]));

const asJson = (findings: readonly Finding[], exitCode: ExitCode): string =>
  `${JSON.stringify({ ok: exitCode === 0, findings }, undefined, 2)}\n`;
