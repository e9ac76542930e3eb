/** Documents of manifests → policies, tiers and network sets. */
import { parsePath, type Path } from '../../api/path.ts';
import { API_VERSION, GROUP } from '../../api/schema.ts';
import { readCalicoPolicy } from '../../calico/read/calico-policy.ts';
import { FieldError, objectFields, type ObjectFields } from '../../calico/read/fields.ts';
import { readNetworkPolicy } from '../../calico/read/kubernetes-policy.ts';
import {
  BUILT_IN_TIERS,
  readNetworkSet,
  readTier,
  type StoredSet,
  type StoredTier,
} from '../../calico/read/objects.ts';
import type { StoredPolicy } from '../../calico/read/policy.ts';
import { isRecord } from '../../json.ts';
import type { Notes } from '../notes.ts';
import { ImportError, type SourceLine } from '../result.ts';
import type { SourcePolicy } from './evaluate.ts';
import { refuseUnknown } from './fields.ts';

export type PolicyOrigin = 'calico' | 'networkpolicy';

/** An object of a file. */
export interface SourceDocument {
  readonly file: string;
  readonly value: unknown;
  /** From 1. */
  readonly lineOf: (path: Path) => number;
}

interface Objects {
  readonly policies: readonly SourcePolicy[];
  /** In their order. */
  readonly tiers: readonly StoredTier[];
  readonly sets: readonly StoredSet[];
}

/** @throws ImportError for an object that is not understood, with its field */
export function readObjects(documents: readonly SourceDocument[], from: PolicyOrigin, notes: Notes): Objects {
  const policies: SourcePolicy[] = [];
  const tiers = new Map(BUILT_IN_TIERS.map((tier) => [tier.name, tier]));
  const sets: StoredSet[] = [];
  for (const document of documents) {
    try {
      if (!isRecord(document.value))
        throw new FieldError('', 'is no object: give manifests, as kubectl get -o yaml prints them');
      const object = objectFields(document.value);
      const [group = ''] = object.apiVersion.split('/', 1);
      const isCalico = /^(?:crd\.)?projectcalico\.org$/.test(group);
      if (isCalico && object.kind === 'Tier') tiers.set(object.metadata.name, readTier(object));
      else if (isCalico && /^(?:Global)?NetworkSet$/.test(object.kind)) sets.push(readNetworkSet(object));
      else if (isPolicy(object, group, isCalico)) {
        refuseOther(object, isCalico, from);
        policies.push(policyOf(document, object, isCalico));
      } else noteOther(document, object, group, notes);
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      throw new ImportError(`${placeIn(document, error.field)}: ${error.message}`);
    }
  }
  return { policies: sorted(policies), tiers: inOrder(tiers, policies), sets };
}

const placeIn = ({ file, lineOf }: SourceDocument, field: string): string =>
  `${file}:${String(lineOf(parsePath(field)))}`;

const isPolicy = ({ kind }: ObjectFields, group: string, isCalico: boolean): boolean =>
  (isCalico && /^(?:Global)?NetworkPolicy$/.test(kind)) ||
  (group === 'networking.k8s.io' && kind === 'NetworkPolicy');

function refuseOther({ kind, metadata }: ObjectFields, isCalico: boolean, from: PolicyOrigin): void {
  if (isCalico && from === 'networkpolicy')
    throw new FieldError(
      'apiVersion',
      `is Calico's (${kind} ${metadata.name}): say --from calico, which reads both`,
    );
}

/** Kinds that may deny what the policies here allow. */
const OTHER_POLICIES = /Policy$|^CiliumNetworkPolicy|^HostEndpoint$/;

function noteOther(document: SourceDocument, object: ObjectFields, group: string, notes: Notes): void {
  const { kind, metadata } = object;
  const line = lineIn(document, object, []);
  if (group === GROUP) throw new FieldError('kind', `is ${kind} of ${API_VERSION}, which needs no import`);
  if (kind.startsWith('Staged')) notes.add('idle', line, 'it is staged, so it decides about no packet');
  else if (kind === 'HostEndpoint')
    notes.add('left', line, 'nodes are left alone: `spec.nodes` judges what comes to them');
  else if (OTHER_POLICIES.test(kind) && /network|cilium|istio|projectcalico/.test(group))
    throw new FieldError(
      'kind',
      `is ${kind} of ${group} (${metadata.name}), which is not imported, and may deny what other policies allow: write its rules by hand, and leave it out here`,
    );
  else notes.add('idle', line, 'it is no policy');
}

function lineIn({ file, lineOf }: SourceDocument, object: ObjectFields, path: Path, field = ''): SourceLine {
  const { kind, metadata } = object;
  const name = `${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;
  return { file, line: lineOf(path), text: `${kind} ${name}${field === '' ? '' : ` ${field}`}` };
}

function policyOf(document: SourceDocument, object: ObjectFields, isCalico: boolean): SourcePolicy {
  refuseUnknown(object.fields.raw('spec'), isCalico);
  const stored = isCalico
    ? readCalicoPolicy(objectFields(withTypes(document.value)))
    : readNetworkPolicy(object);
  const lines = new Map<string, SourceLine>();
  return {
    stored,
    line: lineIn(document, object, []),
    name: object.metadata.name,
    lineOf: ({ path }) => {
      const line = lines.get(path) ?? lineIn(document, object, parsePath(path), path);
      lines.set(path, line);
      return line;
    },
  };
}

/** Adds the types that Calico writes where a manifest has none (libcalico-go/lib/clientv3, defaultPolicyTypesField). */
export function withTypes(value: unknown): unknown {
  const spec = isRecord(value) ? value['spec'] : undefined;
  if (!isRecord(value) || !isRecord(spec)) return value;
  const isFilled = (key: string): boolean => Array.isArray(spec[key]) && spec[key].length > 0;
  if (isFilled('types')) return value;
  const types = !isFilled('egress') ? ['Ingress'] : isFilled('ingress') ? ['Ingress', 'Egress'] : ['Egress'];
  return { ...value, spec: { ...spec, types } };
}

const compare = <T extends number | string>(a: T, b: T): number => (a === b ? 0 : a < b ? -1 : 1);
const identity = ({ kind, apiVersion, sortName }: StoredPolicy): string =>
  `${apiVersion} ${kind} ${sortName}`;

/** In Felix's order (felix/calc/policy_sorter.go). */
function sorted(policies: readonly SourcePolicy[]): readonly SourcePolicy[] {
  const seen = new Map<string, SourcePolicy>();
  for (const policy of policies) {
    const twin = seen.get(identity(policy.stored));
    if (twin !== undefined)
      throw new ImportError(
        `${policy.line.file}:${String(policy.line.line)}: ${policy.line.text} is there twice, at ${twin.line.file}:${String(twin.line.line)} first: give each policy once`,
      );
    seen.set(identity(policy.stored), policy);
  }
  return [...policies].sort(
    ({ stored: a }, { stored: b }) => compare(a.order, b.order) || compare(a.sortName, b.sortName),
  );
}

function inOrder(
  tiers: ReadonlyMap<string, StoredTier>,
  policies: readonly SourcePolicy[],
): readonly StoredTier[] {
  for (const { stored, line } of policies)
    if (!tiers.has(stored.tier))
      throw new ImportError(
        `${line.file}:${String(line.line)}: ${line.text} is in the tier ${stored.tier}, whose order decides: give the Tier as well`,
      );
  return [...tiers.values()].sort((a, b) => compare(a.order, b.order) || compare(a.name, b.name));
}
