/** Turns the options of a question into a world that can be asked. */
import { parsePath } from '../../api/path.ts';
import type { ClusterFirewall } from '../../api/schema.ts';
import { validateDocument } from '../../api/validate.ts';
import { compile } from '../../compiler/compile.ts';
import { ruleId } from '../../compiler/names.ts';
import type { Compilation } from '../../compiler/types.ts';
import type { Inventory } from '../../inventory/types.ts';
import { isRecord, valueAt } from '../../json.ts';
import { addAssumed } from '../../questions/assumed-pods.ts';
import type { EndText } from '../../questions/end-text.ts';
import type { Setting } from '../../questions/explain.ts';
import { Provenance, type Sources } from '../../questions/provenance.ts';
import {
  compiledWorld,
  enforced,
  hasStaged,
  inMode,
  isOfOthers,
  storedWorld,
  type Mode,
} from '../../questions/world.ts';
import { Prepared } from '../../simulator/prepared.ts';
import type { World } from '../../simulator/world.ts';
import type { CommandIO } from '../io.ts';
import { type Diagnostic, inReadingOrder } from '../manifests/diagnostics.ts';
import { readFirewalls, type Firewalls } from '../manifests/firewalls.ts';
import { readInventory } from '../manifests/inventory.ts';
import { loadDocuments, type Document } from '../manifests/load.ts';
import { LIVE, loadCluster, namesOfPods, type ClusterChoice, type LoadedCluster } from './cluster.ts';

export interface QuestionFlags extends ClusterChoice {
  /** Manifests of ClusterFirewalls, which are compiled. Absent: the policies are those of the cluster. */
  readonly filename?: readonly string[];
  readonly mode: Mode;
  readonly operatorNamespace: string;
}

export interface LoadedQuestion {
  readonly setting: Setting;
  readonly cluster: LoadedCluster;
  readonly world: World;
  /** Problems of the manifests, and warnings. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Nothing can be asked. */
export interface Refused {
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * @param ends of the question, for pods that do not exist
 * @param known the cluster, where it has been read
 */
export async function loadQuestion(
  flags: QuestionFlags,
  ends: readonly EndText[],
  io: CommandIO,
  known?: LoadedCluster,
): Promise<LoadedQuestion | Refused> {
  const { filename, operatorNamespace, mode } = flags;
  const given = filename === undefined ? undefined : readFirewalls(await loadDocuments(filename, io.stdin));
  if (given !== undefined && given.diagnostics.length > 0) return given;
  const cluster = known ?? (await loadCluster(flags, io));
  if (cluster.diagnostics.length > 0) return cluster;
  const stored = storedFirewalls(cluster.documents);
  const objects = cluster.documents.map(({ value }) => value);
  const kinds = cluster.lacks.map(({ kind }) => kind);
  if (given === undefined) {
    const world = addAssumed(inMode(storedWorld(objects, kinds), mode), ends);
    const sources = sourcesOf(cluster.documents, stored, undefined);
    const setting = {
      prepared: new Prepared(world),
      provenance: new Provenance(sources, objects),
      names: namesOfPods(cluster.documents),
      firewalls: [],
      ...stagedOf(world),
    };
    return { setting, cluster, world, diagnostics: [] };
  }
  const read = readInventory(cluster.documents, cluster.lacks);
  if (read.diagnostics.length > 0) return { diagnostics: read.diagnostics };
  const inventory = { ...read.inventory, operatorNamespace };
  const names = new Set(given.firewalls.map(({ metadata }) => metadata.name));
  const firewalls = [...given.firewalls, ...stored.filter(({ metadata }) => !names.has(metadata.name))];
  const others = addAssumed(storedWorld(objects.filter(isOfOthers), kinds), ends);
  const compilation = compileIn(mode, firewalls, inventory);
  const worldWith = (of: Compilation): World => inMode(compiledWorld(others, of), mode);
  const sources = sourcesOf(cluster.documents, firewalls, given);
  const world = worldWith(compilation);
  return {
    setting: {
      prepared: new Prepared(world),
      provenance: new Provenance(
        sources,
        compilation.objects.map(({ object }) => object),
      ),
      names: namesOfPods(cluster.documents),
      firewalls,
      ...stagedOf(world),
      compiled: (changed) => new Prepared(worldWith(compileIn(mode, changed, inventory))),
    },
    cluster,
    world,
    diagnostics: inReadingOrder(compilation.problems.map(given.locate), cluster.files),
  };
}

const stagedOf = (world: World): Pick<Setting, 'staged'> =>
  hasStaged(world) ? { staged: () => new Prepared(inMode(world, 'enforce')) } : {};

const compileIn = (mode: Mode, firewalls: readonly ClusterFirewall[], inventory: Inventory): Compilation =>
  compile(mode === 'enforce' ? firewalls.map(enforced) : firewalls, inventory);

/** Those that are stored. One that the schema refuses has no effect, and gives no place to a rule. */
export function storedFirewalls(documents: readonly Document[]): readonly ClusterFirewall[] {
  return documents.flatMap(({ value }) => {
    if (!isRecord(value) || value['kind'] !== 'ClusterFirewall') return [];
    const result = validateDocument(value);
    return result.ok ? [result.firewall] : [];
  });
}

/** Objects of a live cluster have no place but their names. */
function sourcesOf(
  documents: readonly Document[],
  firewalls: readonly ClusterFirewall[],
  given: Firewalls | undefined,
): Sources {
  const names = new Set(given?.firewalls.map(({ metadata }) => metadata.name));
  const places = new Map<string, Document>();
  for (const document of documents) {
    const { value } = document;
    if (document.file === LIVE || !isRecord(value)) continue;
    const [namespace = '', name] = ['namespace', 'name'].map((key) => valueAt(value, 'metadata', key));
    places.set(`${String(value['kind'])} ${String(namespace)}/${String(name)}`, document);
  }
  return {
    firewalls,
    placeOfField: (firewall, field) => {
      if (given === undefined || !names.has(firewall)) return undefined;
      const problem = { severity: 'problem', firewall, rule: ruleId(firewall), path: field } as const;
      const { file, line } = given.locate({ ...problem, reason: 'NoEffect', message: '' });
      return line === undefined ? undefined : { file, line };
    },
    placeOfObject: (kind, namespace = '', name, field = '') => {
      const document = places.get(`${kind} ${namespace}/${name}`);
      return document && { file: document.file, line: document.lineOf(parsePath(field)) };
    },
  };
}
