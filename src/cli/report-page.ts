import { reportOf } from '../questions/report.ts';
import type { CommandIO, ExitCode } from './io.ts';
import { formatDiagnostic } from './manifests/diagnostics.ts';
import { askTable, type TableFlags } from './questions/ask-table.ts';
import { gapsOf, problemsOf } from './questions/gaps.ts';
import type { LoadedQuestion } from './questions/load.ts';
import { pageData } from './questions/page-data.ts';
import { pageOf } from './questions/page-html.ts';
import { progressTo } from './questions/progress.ts';

/** Prints one page of HTML with the verdict about every packet, and with the rules behind it. */
export const reportPage = (flags: TableFlags, io: CommandIO): Promise<ExitCode> =>
  askTable(flags, io, (loaded, filter) => {
    const report = reportOf(loaded.setting, filter, progressTo(io));
    const problems = problemsOf(loaded).map((each) => formatDiagnostic(each, (text) => text));
    const about = { about: aboutOf(flags, loaded, io.date()), gaps: [...problems, ...gapsOf(loaded)] };
    const data = pageData(report, loaded.setting.prepared, about);
    io.stdout(pageOf(data));
    return report.contents.some((flows) => flows.some(({ verdict }) => verdict === 'Unknown'));
  });

function aboutOf(
  { from, to, filename, mode }: TableFlags,
  { cluster }: LoadedQuestion,
  now: Date,
): readonly (readonly [string, string])[] {
  return [
    ['Cluster', cluster.files.join(', ')],
    [
      'Policies',
      filename === undefined ? 'those of the cluster' : `as ${filename.join(', ')} would make them`,
    ],
    ['Staged policies', mode === 'enforce' ? 'count as enforced' : 'do nothing'],
    ...(from === undefined ? [] : [['From', from] as const]),
    ...(to === undefined ? [] : [['To', to] as const]),
    ['Made', `${now.toISOString().slice(0, 16).replace('T', ' ')} UTC`],
  ];
}
