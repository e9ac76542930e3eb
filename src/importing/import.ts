/** Rules of other firewalls → a ClusterFirewall. */
import type { Known } from './addresses.ts';
import { importFirewalld } from './firewalld/import.ts';
import { importIptables } from './iptables/import.ts';
import type { Imported } from './result.ts';
import type { SourceFile } from './text.ts';
import { importUfw } from './ufw/import.ts';

const IMPORTERS = {
  firewalld: importFirewalld,
  iptables: importIptables,
  ufw: importUfw,
} as const satisfies Readonly<Record<string, (files: readonly SourceFile[], known: Known) => Imported>>;

export type Origin = keyof typeof IMPORTERS;
export const ORIGINS = Object.keys(IMPORTERS) as readonly Origin[];

/** @throws ImportError where the files are not understood as a whole */
export const importRules = (from: Origin, files: readonly SourceFile[], known: Known): Imported =>
  IMPORTERS[from](files, known);
