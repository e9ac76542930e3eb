/** Tells on standard error what could not be read, and what was taken for granted. */
import { listed } from '../../questions/errors.ts';
import type { CommandIO } from '../io.ts';
import type { Diagnostic } from '../manifests/diagnostics.ts';
import { printable } from '../printable.ts';
import { report } from '../report.ts';
import type { LoadedQuestion } from './load.ts';

const MOST_KINDS = 20;

export function reportGaps(loaded: LoadedQuestion, io: CommandIO): void {
  report(problemsOf(loaded), io);
  for (const text of gapsOf(loaded)) io.stderr(`${printable(text)}\n`);
}

/** Problems of the manifests. */
export const problemsOf = ({ diagnostics }: LoadedQuestion): readonly Diagnostic[] =>
  diagnostics.filter(({ severity }) => severity === 'problem');

/** One sentence for each part of the cluster that is not known. */
export function gapsOf({ cluster, world }: LoadedQuestion): readonly string[] {
  const { lacks, assumedEmpty } = cluster;
  return [
    ...lacks.map(({ kind, because }) => `${kind} objects are missing: ${because}`),
    ...world.problems.map(({ kind, namespace, name, field, why }) => {
      const of = namespace === undefined ? name : `${namespace}/${name}`;
      return `${kind} ${of} cannot be read: ${field} ${why}`;
    }),
    ...(world.policies.some(({ kind }) => kind === 'ClusterNetworkPolicy')
      ? ['ClusterNetworkPolicies are read as documented: what is said of them was not compared with Felix']
      : []),
    ...(assumedEmpty.length > 0
      ? [
          `the inventory has none of these kinds, and they are taken not to exist: ${listed(assumedEmpty, MOST_KINDS)}`,
        ]
      : []),
  ];
}

/** True where the answer is not the whole one. */
export const hasProblem = (loaded: LoadedQuestion): boolean => problemsOf(loaded).length > 0;
