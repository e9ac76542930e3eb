/** The steps that render and validate share: read, validate, compile. */
import { compile } from '../../compiler/compile.ts';
import { podWarnings } from '../../compiler/no-ops/pods.ts';
import type { PodInfo } from '../../inventory/pods.ts';
import type { Lack } from '../../snapshot/file.ts';
import { UNKNOWN_CLUSTER, type Inventory } from '../../inventory/types.ts';
import { type Overview, overviewOf } from '../../compiler/namespaces/overview.ts';
import type { Compilation, Problem } from '../../compiler/types.ts';
import { type Diagnostic, inReadingOrder } from './diagnostics.ts';
import { readFirewalls, type Firewalls } from './firewalls.ts';
import { readInventory } from './inventory.ts';
import { loadDocuments, type Document, type Loaded } from './load.ts';
import { STDIN } from './source.ts';

export interface ManifestInput {
  readonly files: readonly string[];
  readonly inventory?: string;
  readonly operatorNamespace: string;
  /** Refuses objects of other API groups. */
  readonly strict?: boolean;
}

interface ReadResult {
  readonly diagnostics: readonly Diagnostic[];
  /** Objects of other API groups, as `Kind (apiVersion)`. */
  readonly skipped: readonly string[];
}

/**
 * `invalid`: nothing was compiled. `compiled`: every firewall is valid, and the diagnostics come from the
 * compiler.
 */
export type CompileResult =
  | (ReadResult & { readonly state: 'invalid' })
  | (ReadResult & {
      readonly state: 'compiled';
      readonly compilation: Compilation;
      readonly firewalls: readonly string[];
      readonly manifests: Pick<Firewalls, 'firewalls' | 'locate'>;
      readonly cluster: CompiledFor;
      /** Absent where namespaces are not known. */
      readonly overview: Overview | undefined;
    });

/** The cluster that manifests were compiled for. */
export interface CompiledFor {
  readonly inventory: Inventory;
  /** Empty where nobody has looked. */
  readonly documents: readonly Document[];
  readonly lacks: readonly Lack[];
}

interface Wanted {
  /** A cluster that has been read. Absent: that of the inventory. */
  readonly live?: Loaded;
  readonly isRelevant?: (problem: Problem) => boolean;
  /** Adds warnings on manifests that are valid and may not be meant. */
  readonly withHints?: boolean;
}

/** Never throws for the content of files, or for missing files. */
export async function compileManifests(
  { files, inventory: inventoryFile, operatorNamespace, strict = false }: ManifestInput,
  readStdin: () => Promise<Uint8Array>,
  { isRelevant = () => true, withHints = false, live }: Wanted = {},
): Promise<CompileResult> {
  if (inventoryFile === STDIN && files.includes(STDIN)) {
    return { state: 'invalid', diagnostics: [STDIN_TWICE], skipped: [] };
  }
  const loaded = await loadDocuments(files, readStdin);
  const { firewalls, diagnostics, skipped, locate, hints } = readFirewalls(loaded, strict);
  const given =
    live ?? (inventoryFile === undefined ? undefined : await loadDocuments([inventoryFile], readStdin));
  const cluster = given === undefined ? unknownCluster : readCluster(given);
  const problems = [...diagnostics, ...cluster.diagnostics];
  const order = [...loaded.files, ...cluster.files];
  if (problems.length > 0) return { state: 'invalid', diagnostics: inReadingOrder(problems, order), skipped };
  const inventory = { ...cluster.inventory, operatorNamespace };
  const compilation = compile(firewalls, inventory);
  return {
    state: 'compiled',
    diagnostics: inReadingOrder(
      [
        ...compilation.problems.filter(isRelevant).map(locate),
        ...(withHints ? [...podWarnings(firewalls, inventory, cluster).map(locate), ...hints()] : []),
      ],
      order,
    ),
    skipped,
    compilation,
    firewalls: firewalls.map(({ metadata }) => metadata.name),
    manifests: { firewalls, locate },
    cluster: { inventory, documents: cluster.documents, lacks: cluster.lacks },
    overview: overviewOf(firewalls, inventory),
  };
}

const STDIN_TWICE: Diagnostic = {
  severity: 'problem',
  file: STDIN,
  path: '',
  reason: 'Unreadable',
  message: 'can be read only once: give the manifests or --inventory as a file',
};

interface Cluster {
  readonly inventory: Inventory;
  readonly diagnostics: readonly Diagnostic[];
  readonly files: readonly string[];
  /** Only the inventory of a file has them. */
  readonly pods: readonly PodInfo[];
  readonly nodePorts: readonly string[];
  readonly documents: readonly Document[];
  readonly lacks: readonly Lack[];
}

const unknownCluster: Cluster = {
  inventory: UNKNOWN_CLUSTER,
  pods: [],
  nodePorts: [],
  documents: [],
  lacks: [],
  diagnostics: [],
  files: [],
};

function readCluster({ documents, diagnostics, files, lacks = [] }: Loaded): Cluster {
  const read = readInventory(documents, lacks);
  const unreadable = diagnostics.map((each) => ({ ...each, reason: 'BadInventory' }));
  return { ...read, diagnostics: [...unreadable, ...read.diagnostics], files, documents, lacks };
}
