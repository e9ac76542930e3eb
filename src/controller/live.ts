/** Stored objects of the generated kinds, reduced to what planning compares. */
import type { GeneratedKind } from '../calico/types.ts';
import { isRecord, type KubernetesObject } from '../cluster/resource.ts';
import type { DesiredObject } from '../compiler/types.ts';
import { objectId } from './kinds.ts';
import { contentHash } from './normal.ts';
import { firewallOf, isOwned, lastForeignManager, ruleIds } from './ownership.ts';

export type ObjectPhase = DesiredObject['phase'];

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
  readonly phase: ObjectPhase;
  /** See contentHash. */
  readonly hash: string;
  /** The field manager other than ours that wrote last. */
  readonly foreignManager: string | undefined;
}

/** A stored object of somebody else: only that its name is taken counts. */
export interface ForeignObject {
  readonly ours: false;
  readonly id: string;
  readonly foreignManager: string | undefined;
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
    if (!isOwned(metadata) && !known.has(uid)) return { ours: false, id, foreignManager };
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
    };
  };
}

/** The rule of the default deny (compiler/defaults.ts): it closes by selecting, without a Deny of its own. */
const DEFAULT_DENY = /^[^/]+\/defaults\/deny$/;

/** The phase of a stored object, whose DesiredObject may be long gone. */
function phaseOf(kind: GeneratedKind, spec: unknown, rules: readonly string[]): ObjectPhase {
  if (kind === 'Tier') return 'tier';
  if (kind === 'GlobalNetworkSet') return 'set';
  return rules.some((rule) => DEFAULT_DENY.test(rule)) || hasDenyRule(spec) ? 'deny' : 'allow';
}

function hasDenyRule(spec: unknown): boolean {
  if (!isRecord(spec)) return false;
  return [spec['ingress'], spec['egress']].some(
    (rules) => Array.isArray(rules) && rules.some((rule) => isRecord(rule) && rule['action'] === 'Deny'),
  );
}
