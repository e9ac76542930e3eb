/** What render and validate have in common: read, judge, compile. */
import { compile } from '../../compiler/compile.ts';
import type { Inventory } from '../../inventory/types.ts';
import type { Compilation, Problem } from '../../compiler/types.ts';
import { type Diagnostic, inReadingOrder } from './findings.ts';
import { readFirewalls } from './firewalls.ts';
import { readInventory } from './inventory.ts';
import { loadDocuments } from './load.ts';
import { STDIN } from './source.ts';

export interface ManifestInput {
  readonly filename: readonly string[];
  readonly inventory?: string;
  readonly operatorNamespace: string;
}

/** `invalid`: nothing was compiled. `compiled`: what is left of the findings is the compiler's, and every firewall is valid. */
export type CompileResult =
  | { readonly state: 'invalid'; readonly findings: readonly Diagnostic[] }
  | {
      readonly state: 'compiled';
      readonly findings: readonly Diagnostic[];
      readonly compilation: Compilation;
      readonly firewalls: readonly string[];
    };

/** Never throws for what stands in the files, or for files that are not there. */
export async function compileManifests(
  { filename, inventory: inventoryFile, operatorNamespace }: ManifestInput,
  readStdin: () => Promise<Uint8Array>,
  concerns: (problem: Problem) => boolean = () => true,
): Promise<CompileResult> {
  const files = [...new Set(filename)];
  if (inventoryFile === STDIN && files.includes(STDIN)) {
    return { state: 'invalid', findings: [stdinTwice] };
  }
  const loaded = await loadDocuments(files, readStdin);
  const readable = files.filter((file) => !loaded.findings.some((finding) => finding.file === file));
  const { firewalls, findings, locate } = readFirewalls(loaded.documents, readable);
  const cluster = inventoryFile === undefined ? unknownCluster : await readCluster(inventoryFile, readStdin);
  const invalid = [...loaded.findings, ...findings, ...cluster.findings];
  const order = inventoryFile === undefined ? files : [...files, inventoryFile];
  if (invalid.length > 0) return { state: 'invalid', findings: inReadingOrder(invalid, order) };
  const compilation = compile(firewalls, { ...cluster.inventory, operatorNamespace });
  return {
    state: 'compiled',
    findings: inReadingOrder(compilation.problems.filter(concerns).map(locate), order),
    compilation,
    firewalls: firewalls.map(({ metadata }) => metadata.name),
  };
}

const stdinTwice: Diagnostic = {
  severity: 'problem',
  file: STDIN,
  path: '',
  message: 'can be read once only: give -f or --inventory as a file',
};

interface Cluster {
  readonly inventory: Inventory;
  readonly findings: readonly Diagnostic[];
}

/** No lists at all: nothing is known, which is not the same as nothing being there. */
const unknownCluster: Cluster = { inventory: {}, findings: [] };

async function readCluster(file: string, readStdin: () => Promise<Uint8Array>): Promise<Cluster> {
  const { documents, findings } = await loadDocuments([file], readStdin);
  const read = readInventory(documents);
  return { inventory: read.inventory, findings: [...findings, ...read.findings] };
}
