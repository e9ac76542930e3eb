/** Stored objects of the generated kinds, reduced to what planning compares. */
import type { GeneratedKind } from '../calico/types.ts';
import { isRecord, type KubernetesObject, type Metadata } from '../cluster/resource.ts';
import type { Phase } from '../compiler/types.ts';
import { BRIDGES } from '../compiler/names.ts';
import { objectId } from './kinds.ts';
import { contentHash } from './normal.ts';
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
}

/** A stored object of somebody else: only that its name is taken counts. */
export interface ForeignObject {
  readonly ours: false;
  readonly id: string;
  readonly uid: string;
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
    if (!isOwned(metadata) && !known.has(uid)) return { ours: false, id, uid, foreignManager };
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
      ...waiting(metadata),
    };
  };
}

const waiting = ({ deletionTimestamp, finalizers = [] }: Metadata): Pick<OwnedObject, 'waitsFor'> =>
  deletionTimestamp === undefined ? {} : { waitsFor: finalizers };

/** The rule of the default deny (compiler/defaults.ts): it closes by selecting, without a Deny of its own. */
const DEFAULT_DENY = /^[^/]+\/defaults\/deny$/;

export const isDefaultDeny = (rule: string): boolean => DEFAULT_DENY.test(rule);

const NAMED_PHASES: ReadonlyMap<string, Phase> = new Map([
  [`defaults/${BRIDGES.from}`, 'bridgeFrom'],
  [`defaults/${BRIDGES.to}`, 'bridgeTo'],
  ['defaults/pass', 'pass'],
]);

/** The phase of a stored object, whose DesiredObject may be long gone. */
function phaseOf(kind: GeneratedKind, spec: unknown, rules: readonly string[]): Phase {
  if (kind === 'Tier') return 'tier';
  if (kind === 'GlobalNetworkSet') return 'set';
  const named = NAMED_PHASES.get(rules[0]?.split('/').slice(1).join('/') ?? '');
  if (named !== undefined) return named;
  if (rules.some(isDefaultDeny)) return 'deny';
  return hasDenyRule(spec) ? 'guardrail' : 'allow';
}

function hasDenyRule(spec: unknown): boolean {
  if (!isRecord(spec)) return false;
  return [spec['ingress'], spec['egress']].some(
    (rules) => Array.isArray(rules) && rules.some((rule) => isRecord(rule) && rule['action'] === 'Deny'),
  );
}
