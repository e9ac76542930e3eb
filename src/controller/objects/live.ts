/** Stored objects of the generated kinds, reduced to what planning compares. */
import type { GeneratedKind } from '../../calico/types.ts';
import { readGlobalNetworkPolicy, readHostEndpoint } from '../../inventory/calico.ts';
import { isRecord } from '../../json.ts';
import type { KubernetesObject, Metadata } from '../../cluster/resource.ts';
import type { ForeignPolicyInfo, HostEndpointInfo } from '../../inventory/types.ts';
import type { Phase } from '../../compiler/types.ts';
import { BRIDGES, LABEL_ENFORCED, LABEL_LO } from '../../compiler/names.ts';
import { objectId } from './kinds.ts';
import { contentHash } from './content-hash.ts';
import { firewallOf, isOwned, lastForeignManager, ruleIds } from './ownership.ts';

/** A stored object of ours. */
export interface OwnedObject {
  readonly ours: true;
  /** As objectId makes it. */
  readonly id: string;
  readonly kind: GeneratedKind;
  readonly name: string;
  readonly namespace: string | undefined;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Undefined when every trace of the firewall was stripped from it. */
  readonly firewall: string | undefined;
  readonly rules: readonly string[];
  readonly phase: Phase;
  /** See contentHash. */
  readonly hash: string;
  /** The field manager other than ours that wrote last. */
  readonly foreignManager: string | undefined;
  /** Finalizers of others, for which an object that is deleted still waits. */
  readonly waitsFor?: readonly string[];
  /** Of a HostEndpoint: the node it is of. */
  readonly node?: string;
  /** Of what denies at nodes, which while they are observed says the same and lets it pass. */
  readonly denies?: boolean;
  /** Of the set of judged addresses. */
  readonly nets?: readonly string[];
}

/** A stored object of somebody else: that its name is taken counts, and what of it meets nodes. */
export interface ForeignObject {
  readonly ours: false;
  readonly id: string;
  readonly uid: string;
  readonly foreignManager: string | undefined;
  readonly hostEndpoint?: HostEndpointInfo;
  readonly policy?: ForeignPolicyInfo;
}

export type LiveObject = OwnedObject | ForeignObject;

/**
 * The projection that reflectors store of a generated kind. `known` holds the uids of objects that have been seen to be ours: behind the
 * aggregated API one edit can take away our labels, our annotations and, with the last field, our entry in managedFields.
 */
export function projectLive(
  kind: GeneratedKind,
  known: Set<string>,
): (object: KubernetesObject) => LiveObject {
  return (object) => {
    const { metadata } = object;
    const { name, namespace, uid = '', resourceVersion = '' } = metadata;
    const id = objectId(kind, metadata);
    const foreignManager = lastForeignManager(metadata.managedFields);
    if (!isOwned(metadata) && !known.has(uid))
      return { ours: false, id, uid, foreignManager, ...foreignDetails(kind, object) };
    known.add(uid);
    const rules = ruleIds(metadata);
    const phase = phaseOf(kind, object['spec'], rules);
    const hash = contentHash(object);
    const firewall = firewallOf(metadata);
    return {
      ours: true,
      id,
      kind,
      name,
      namespace,
      uid,
      resourceVersion,
      firewall,
      rules,
      phase,
      hash,
      foreignManager,
      ...(kind === 'HostEndpoint' && { node: readHostEndpoint(object).node }),
      ...(phase === 'nodeDeny' && { denies: hasDenyRule(object['spec']) }),
      ...(phase === 'judged' && { nets: netsOf(object) }),
      ...waiting(metadata),
    };
  };
}

const netsOf = ({ spec }: KubernetesObject): readonly string[] =>
  isRecord(spec) && Array.isArray(spec['nets'])
    ? spec['nets'].filter((net: unknown) => typeof net === 'string')
    : [];

const waiting = ({ deletionTimestamp, finalizers = [] }: Metadata): Pick<OwnedObject, 'waitsFor'> =>
  deletionTimestamp === undefined ? {} : { waitsFor: finalizers };

/** The rule of the default deny (compiler/pods/defaults.ts): it closes by selecting, without a Deny of its own. */
const DEFAULT_DENY = /^[^/]+\/defaults\/deny$/;

export const isDefaultDeny = (rule: string): boolean => DEFAULT_DENY.test(rule);

/** What denies at nodes when nothing else has decided; what denies there before comes before the allows. */
const LAST_WORD = /^[^/]+\/nodes\/deny$/;

export const isLastWord = (rules: readonly string[]): boolean => rules.some((rule) => LAST_WORD.test(rule));

const NAMED_PHASES: ReadonlyMap<string, Phase> = new Map([
  [`defaults/${BRIDGES.from}`, 'bridgeFrom'],
  [`defaults/${BRIDGES.to}`, 'bridgeTo'],
  [`nodes/${BRIDGES.from}`, 'bridgeFrom'],
  ['defaults/pass', 'pass'],
  ['nodes/blocked', 'nodeDeny'],
  ['nodes/loopback', 'nodeDeny'],
  ['nodes/deny', 'nodeDeny'],
  ['nodes/judged', 'judged'],
]);

const foreignDetails = (kind: GeneratedKind, object: KubernetesObject): Partial<ForeignObject> => {
  if (kind === 'HostEndpoint') return { hostEndpoint: readHostEndpoint(object) };
  return kind === 'GlobalNetworkPolicy' ? { policy: readGlobalNetworkPolicy(object) } : {};
};

/** The phase of a stored object, whose DesiredObject may be long gone. */
function phaseOf(kind: GeneratedKind, spec: unknown, rules: readonly string[]): Phase {
  if (kind === 'Tier') return 'tier';
  const { interfaceName, selector } = isRecord(spec) ? spec : {};
  if (kind === 'HostEndpoint') return interfaceName === 'lo' ? 'lo' : 'hostEndpoint';
  const named = NAMED_PHASES.get(rules[0]?.split('/').slice(1).join('/') ?? '');
  if (named !== undefined) return named;
  if (kind === 'GlobalNetworkSet') return 'set';
  if (rules.some(isDefaultDeny)) return 'deny';
  const selects = (label: string): boolean => typeof selector === 'string' && selector.includes(label);
  if (selects(LABEL_LO)) return 'lo';
  if (selects(LABEL_ENFORCED)) return 'nodeAllow';
  return hasDenyRule(spec) ? 'guardrail' : 'allow';
}

/** True for the spec of a policy that denies something. */
export function hasDenyRule(spec: unknown): boolean {
  if (!isRecord(spec)) return false;
  return [spec['ingress'], spec['egress']].some(
    (rules) => Array.isArray(rules) && rules.some((rule) => isRecord(rule) && rule['action'] === 'Deny'),
  );
}
