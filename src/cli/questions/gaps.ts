/** Tells on standard error what could not be read, and what was taken for granted. */
import { listed } from '../../questions/errors.ts';
import type { CommandIO } from '../io.ts';
import { printable } from '../printable.ts';
import { report } from '../report.ts';
import type { LoadedQuestion } from './load.ts';

const MOST_KINDS = 20;

export function reportGaps({ cluster, world, diagnostics }: LoadedQuestion, io: CommandIO): void {
  report(
    diagnostics.filter(({ severity }) => severity === 'problem'),
    io,
  );
  const say = (text: string): void => {
    io.stderr(`${printable(text)}\n`);
  };
  for (const { kind, because } of cluster.lacks) say(`${kind} objects are missing: ${because}`);
  for (const { kind, namespace, name, field, why } of world.problems) {
    const of = namespace === undefined ? name : `${namespace}/${name}`;
    say(`${kind} ${of} cannot be read: ${field} ${why}`);
  }
  if (cluster.assumedEmpty.length > 0)
    say(
      `the inventory has none of these kinds, and they are taken not to exist: ${listed(cluster.assumedEmpty, MOST_KINDS)}`,
    );
}

/** True where the answer is not the whole one. */
export const hasProblem = ({ diagnostics }: LoadedQuestion): boolean =>
  diagnostics.some(({ severity }) => severity === 'problem');
