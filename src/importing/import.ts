/** Rules of other firewalls → a ClusterFirewall. */
import type { Known } from './addresses.ts';
import { importFirewalld } from './firewalld/import.ts';
import { importIptables } from './iptables/import.ts';
import { refuseOtherPrograms } from './looks.ts';
import { importPolicies } from './policies/import.ts';
import type { PolicyOrigin, SourceDocument } from './policies/read.ts';
import type { Imported } from './result.ts';
import { linesOf, type SourceFile } from './text.ts';
import { importUfw } from './ufw/import.ts';

const IMPORTERS = {
  firewalld: importFirewalld,
  iptables: importIptables,
  ufw: importUfw,
} as const satisfies Readonly<Record<string, (files: readonly SourceFile[], known: Known) => Imported>>;

type HostOrigin = keyof typeof IMPORTERS;
export type Origin = HostOrigin | PolicyOrigin;
const MANIFESTS: readonly PolicyOrigin[] = ['calico', 'networkpolicy'];
export const ORIGINS: readonly Origin[] = [...(Object.keys(IMPORTERS) as HostOrigin[]), ...MANIFESTS];

const isOfManifests = (from: Origin): from is PolicyOrigin => MANIFESTS.some((each) => each === from);

/**
 * @param parse reads manifests
 * @throws ImportError where the files are not understood as a whole
 */
export function importRules(
  from: Origin,
  files: readonly SourceFile[],
  known: Known,
  parse: (file: SourceFile) => readonly SourceDocument[],
): Imported {
  refuseOtherPrograms(from, files);
  if (!isOfManifests(from)) return IMPORTERS[from](files, known);
  refuseColours(files);
  return importPolicies(from, files.flatMap(parse), known);
}

/** Every other importer splits its files into lines, which does the same. */
function refuseColours(files: readonly SourceFile[]): void {
  for (const file of files) linesOf(file);
}
