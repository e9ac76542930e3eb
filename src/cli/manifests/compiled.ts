/** The steps that render and validate share: read, validate, compile. */
import { compile } from '../../compiler/compile.ts';
import { UNKNOWN_CLUSTER, type Inventory } from '../../inventory/types.ts';
import type { Compilation, Problem } from '../../compiler/types.ts';
import { type Diagnostic, inReadingOrder } from './diagnostics.ts';
import { readFirewalls } from './firewalls.ts';
import { readInventory } from './inventory.ts';
import { loadDocuments } from './load.ts';
import { STDIN } from './source.ts';

export interface ManifestInput {
  readonly filename: readonly string[];
  readonly inventory?: string;
  readonly operatorNamespace: string;
}

/**
 * `invalid`: nothing was compiled. `compiled`: every firewall is valid, and the diagnostics come from the
 * compiler.
 */
export type CompileResult =
  | { readonly state: 'invalid'; readonly diagnostics: readonly Diagnostic[] }
  | {
      readonly state: 'compiled';
      readonly diagnostics: readonly Diagnostic[];
      readonly compilation: Compilation;
      readonly firewalls: readonly string[];
    };

/** Never throws for the content of files, or for missing files. */
export async function compileManifests(
  { filename, inventory: inventoryFile, operatorNamespace }: ManifestInput,
  readStdin: () => Promise<Uint8Array>,
  isRelevant: (problem: Problem) => boolean = () => true,
): Promise<CompileResult> {
  const files = [...new Set(filename)];
  if (inventoryFile === STDIN && files.includes(STDIN)) {
    return { state: 'invalid', diagnostics: [STDIN_TWICE] };
  }
  const loaded = await loadDocuments(files, readStdin);
  const readableFiles = files.filter(
    (file) => !loaded.diagnostics.some((diagnostic) => diagnostic.file === file),
  );
  const { firewalls, diagnostics, locate } = readFirewalls(loaded.documents, readableFiles);
  const cluster = inventoryFile === undefined ? unknownCluster : await readCluster(inventoryFile, readStdin);
  const problems = [...loaded.diagnostics, ...diagnostics, ...cluster.diagnostics];
  const order = inventoryFile === undefined ? files : [...files, inventoryFile];
  if (problems.length > 0) return { state: 'invalid', diagnostics: inReadingOrder(problems, order) };
  const compilation = compile(firewalls, { ...cluster.inventory, operatorNamespace });
  return {
    state: 'compiled',
    diagnostics: inReadingOrder(compilation.problems.filter(isRelevant).map(locate), order),
    compilation,
    firewalls: firewalls.map(({ metadata }) => metadata.name),
  };
}

const STDIN_TWICE: Diagnostic = {
  severity: 'problem',
  file: STDIN,
  path: '',
  message: 'can be read only once: give -f or --inventory as a file',
};

interface Cluster {
  readonly inventory: Inventory;
  readonly diagnostics: readonly Diagnostic[];
}

const unknownCluster: Cluster = { inventory: UNKNOWN_CLUSTER, diagnostics: [] };

async function readCluster(file: string, readStdin: () => Promise<Uint8Array>): Promise<Cluster> {
  const { documents, diagnostics } = await loadDocuments([file], readStdin);
  const read = readInventory(documents);
  return { inventory: read.inventory, diagnostics: [...diagnostics, ...read.diagnostics] };
}
