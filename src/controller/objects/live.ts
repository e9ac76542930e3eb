/** Stored objects of the generated kinds, reduced to what planning compares. */
import type { GeneratedKind } from '../../calico/types.ts';
import { isCalicosLabel } from '../../calico/labels.ts';
import type { PolicyType } from '../../calico/types.ts';
import { readNetworkPolicy } from '../../inventory/actions.ts';
import { readGlobalNetworkPolicy, readHostEndpoint, readTier } from '../../inventory/calico.ts';
import { isRecord } from '../../json.ts';
import { SHARED_SETS } from '../../compiler/flows/sets.ts';
import type { KubernetesObject, Metadata, StoredObject } from '../../cluster/resource.ts';
import type {
  ForeignPolicyInfo,
  ForeignSetInfo,
  HostEndpointInfo,
  NamespacePolicyInfo,
  TierInfo,
} from '../../inventory/types.ts';
import { DNS_SETS, isOurName, LABEL_SET, partsOf, type RuleId } from '../../compiler/names.ts';
import { GENERATED_KINDS, objectId, type ObjectId } from './kinds.ts';
import { contentHash } from './content-hash.ts';
import { isEmptied } from './emptied.ts';
import { familyOf, roleOf, whenHeld, type Role } from './role.ts';
import {
  boundedRuleIds,
  firewallOf,
  isOwned,
  isSignature,
  lastForeignManager,
  ruleIds,
  SIGNATURE,
} from './ownership.ts';

interface Identity {
  /** The id that objectId makes. */
  readonly id: ObjectId;
  readonly kind: GeneratedKind;
  readonly name: string;
  readonly namespace: string | undefined;
  readonly uid: string;
  /** The field manager other than ours that wrote last. */
  readonly foreignManager: string | undefined;
}

/** A stored object of ours, or one that says so. */
export interface OwnedObject extends Identity {
  readonly ours: true;
  /**
   * True for a policy of a namespace of which nobody can tell whether we wrote it (authorship.ts). Nothing waits
   * for it, and it keeps nothing else as it is.
   */
  readonly isOpen: boolean;
  /** The signature that it carries, if it is in a namespace. */
  readonly signature?: string;
  readonly resourceVersion: string;
  /** Undefined when every trace of the firewall was stripped from it. */
  readonly firewall: string | undefined;
  readonly rules: readonly RuleId[];
  readonly role: Role;
  /** See contentHash. */
  readonly hash: string;
  /** Finalizers of others, for which an object that is deleted still waits: the first of them. */
  readonly waitsFor?: readonly string[];
  /** Present where it selects nothing: see emptied.ts. */
  readonly isEmptied?: true;
  /** Present on what refuses, and will stay when it is deleted, because it has finalizers. */
  readonly willStay?: true;
  /** Only in a GlobalNetworkPolicy. */
  readonly namespaceSelector?: string;
  /** The directions of a policy. */
  readonly types?: readonly PolicyType[];
  /** The node of a HostEndpoint. */
  readonly node?: string;
  /** Only in a NetworkPolicy, because one that is open may be a tenant's. */
  readonly namespacePolicy?: NamespacePolicyInfo;
  /** The addresses in a set of machines of the cluster. */
  readonly nets?: readonly string[];
}

/** A stored object that is not ours: it counts because it takes its name, and for what it opens. */
export interface ForeignObject extends Identity {
  readonly ours: false;
  readonly tier?: TierInfo;
  readonly hostEndpoint?: HostEndpointInfo;
  /** Only with a label by which it counts as a set of ours, or as pods. */
  readonly set?: ForeignSetInfo;
  readonly policy?: ForeignPolicyInfo;
  readonly namespacePolicy?: NamespacePolicyInfo;
}

export type LiveObject = OwnedObject | ForeignObject;

/**
 * The projection that reflectors store of a generated kind. `known` holds the uids of objects that have been
 * seen to be ours: behind the aggregated API one edit can take away our labels, our annotations and, with the
 * last field, our entry in managedFields. A policy of a namespace is open until Authorship has judged it.
 */
export function projectLive(kind: GeneratedKind, known: Set<string>): (object: StoredObject) => LiveObject {
  return (object) => {
    const { metadata } = object;
    const { name, namespace, uid, resourceVersion } = metadata;
    const id = objectId(kind, metadata);
    const foreignManager = lastForeignManager(metadata.managedFields);
    const identity = { id, kind, name, namespace, uid, foreignManager };
    // Tenants write what they like under their own names. The guards let nobody take away such an object.
    const mayBeOurs = namespace === undefined || isOurName(name);
    if (!(mayBeOurs && isOwned(metadata)) && !known.has(uid))
      return { ours: false, ...identity, ...foreignDetails(kind, object) };
    known.add(uid);
    const rules = GENERATED_KINDS[kind].namespaced ? boundedRuleIds(metadata) : ruleIds(metadata);
    const role = roleOf({ kind, spec: object['spec'], rules });
    const hash = contentHash(object);
    const firewall = firewallOf(metadata);
    return {
      ours: true,
      ...identity,
      ...authorship(kind, metadata),
      resourceVersion,
      firewall,
      rules,
      role,
      hash,
      ...(familyOf(role) === 'pods' && selection(kind, object['spec'])),
      ...(kind === 'NetworkPolicy' && { namespacePolicy: readNetworkPolicy(object) }),
      ...(kind === 'HostEndpoint' && { node: readHostEndpoint(object).node }),
      ...((role === 'nodeAddresses' || isSharedSet(kind, rules)) && { nets: netsOf(object) }),
      ...waiting(metadata),
      ...(isEmptied(kind, object['spec']) && { isEmptied: true as const }),
      ...(whenHeld(kind, role) === 'there' &&
        (metadata.finalizers ?? []).length > 0 && { willStay: true as const }),
    };
  };
}

const authorship = (
  kind: GeneratedKind,
  { annotations = {} }: Metadata,
): Pick<OwnedObject, 'isOpen' | 'signature'> => {
  if (!GENERATED_KINDS[kind].namespaced) return { isOpen: false };
  const signature = annotations[SIGNATURE];
  return signature === undefined || !isSignature(signature) ? { isOpen: true } : { isOpen: true, signature };
};

const INGRESS: readonly PolicyType[] = ['Ingress'];
const EGRESS: readonly PolicyType[] = ['Egress'];
const BOTH: readonly PolicyType[] = ['Ingress', 'Egress'];

/** Where a policy in force acts. Thousands of objects share the lists of directions. */
function selection(kind: GeneratedKind, spec: unknown): Pick<OwnedObject, 'namespaceSelector' | 'types'> {
  if ((kind !== 'GlobalNetworkPolicy' && kind !== 'NetworkPolicy') || !isRecord(spec)) return {};
  const { namespaceSelector, types } = spec;
  const has = (type: PolicyType): boolean => Array.isArray(types) && types.includes(type);
  return {
    types: !has('Egress') ? INGRESS : has('Ingress') ? BOTH : EGRESS,
    ...(typeof namespaceSelector === 'string' && { namespaceSelector }),
  };
}

const SHARED: ReadonlySet<string> = new Set(SHARED_SETS.map(({ id }) => id));
const isSharedSet = (kind: GeneratedKind, rules: readonly RuleId[]): boolean =>
  kind === 'GlobalNetworkSet' && rules.some((rule) => SHARED.has(rule) || partsOf(rule)[1] === DNS_SETS);

const netsOf = ({ spec }: KubernetesObject): readonly string[] =>
  isRecord(spec) && Array.isArray(spec['nets'])
    ? spec['nets'].filter((net: unknown) => typeof net === 'string')
    : [];

/** Finalizers that are kept of an object. A tenant may write thousands. */
const MAX_FINALIZERS = 10;

const waiting = ({ deletionTimestamp, finalizers = [] }: Metadata): Pick<OwnedObject, 'waitsFor'> =>
  deletionTimestamp === undefined ? {} : { waitsFor: finalizers.slice(0, MAX_FINALIZERS) };

function foreignDetails(kind: GeneratedKind, object: KubernetesObject): Partial<ForeignObject> {
  const { name, labels = {} } = object.metadata;
  switch (kind) {
    case 'Tier':
      return { tier: readTier(object) };
    case 'HostEndpoint':
      return { hostEndpoint: readHostEndpoint(object) };
    case 'GlobalNetworkSet':
      return Object.keys(labels).some((key) => key === LABEL_SET || isCalicosLabel(key))
        ? { set: { name, labels } }
        : {};
    case 'GlobalNetworkPolicy':
      return { policy: readGlobalNetworkPolicy(object) };
    case 'NetworkPolicy':
      return { namespacePolicy: readNetworkPolicy(object) };
    case 'StagedGlobalNetworkPolicy':
    case 'StagedNetworkPolicy':
      return {};
  }
}
