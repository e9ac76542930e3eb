import type { GeneratedKind, GeneratedObject, Rule } from '../../calico/types.ts';
import type { StoredObject } from '../../cluster/resource.ts';
import {
  ANNOTATION_RULES,
  LABEL_FIREWALL,
  LABEL_ENFORCED,
  LABEL_LO,
  LABEL_MANAGED_BY,
  LABEL_SET,
  MANAGED_BY,
  TIER,
  ruleId,
  type RuleId,
} from '../../compiler/names.ts';
import type { DesiredObject } from '../../compiler/types.ts';
import { desiredHash } from '../objects/content-hash.ts';
import { objectId } from '../objects/kinds.ts';
import { emptyingSpec } from '../objects/emptied.ts';
import { projectLive, type LiveObject, type OwnedObject } from '../objects/live.ts';
import type { Unwritten } from '../apply/execute.ts';
import { verdictsOf, type Verdict } from '../apply/verdicts.ts';
import type { Plan } from '../plan/plan.ts';
import { applyStep, removeStep, type ApplyStep, type RemoveStep } from '../plan/step.ts';

export interface Made {
  readonly name: string;
  readonly rules?: readonly string[];
  readonly firewall?: string;
  readonly namespace?: string;
  /** Anything that tells one content from another. */
  readonly content?: string;
}

const rulesOf = ({ rules = [] }: Made): readonly RuleId[] => rules.map((rule) => ruleId(rule));

const metadata = (
  { name, namespace, rules = [], firewall = 'default' }: Made,
  labels: Record<string, string> = {},
) => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
  labels: { [LABEL_MANAGED_BY]: MANAGED_BY, [LABEL_FIREWALL]: firewall, ...labels },
  annotations: { [ANNOTATION_RULES]: rules.join(',') },
});

const wrap = (made: Made, object: GeneratedObject): DesiredObject => ({
  object,
  firewall: made.firewall ?? 'default',
  rules: rulesOf(made),
});

const spec = (action: Rule['action'], { content = 'all()' }: Made, tier = 'default') => ({
  tier,
  order: 200,
  selector: content,
  types: ['Ingress' as const],
  ingress: [{ action }],
});

const apiVersion = 'projectcalico.org/v3';

export function allow(made: Made): DesiredObject {
  const common = { apiVersion, metadata: metadata(made), spec: spec('Allow', made) } as const;
  return wrap(
    made,
    made.namespace === undefined
      ? { ...common, kind: 'GlobalNetworkPolicy' }
      : { ...common, kind: 'NetworkPolicy' },
  );
}

/** The default deny, or a guardrail in the tier given. */
export function deny(made: Made, tier = 'default'): DesiredObject {
  const isDefault = tier === 'default';
  const given = isDefault ? { ...made, rules: ['default/defaults/deny', ...(made.rules ?? [])] } : made;
  return wrap(given, {
    apiVersion,
    kind: 'GlobalNetworkPolicy',
    metadata: metadata(given),
    spec: spec('Deny', made, tier),
  });
}

export function set(made: Made): DesiredObject {
  const labels = { [LABEL_SET]: made.name };
  const object = { apiVersion, kind: 'GlobalNetworkSet', metadata: metadata(made, labels) } as const;
  return wrap(made, { ...object, spec: { nets: [made.content ?? '192.0.2.0/24'] } });
}

/** A policy on host endpoints that lets something in. */
export const nodeAllow = (made: Made): DesiredObject => onHosts(made, [{ action: 'Pass' }]);

/** Refuses the rest at nodes. While they are observed it lets the rest pass. */
export const finalDeny = (action: Rule['action'] = 'Deny'): DesiredObject =>
  onHosts({ name: 'last', rules: ['default/nodes/deny'] }, [{ action, protocol: 'TCP' }]);

function onHosts(made: Made, ingress: readonly Rule[]): DesiredObject {
  const selector = `has(${LABEL_ENFORCED})`;
  return wrap(made, {
    apiVersion,
    kind: 'GlobalNetworkPolicy',
    metadata: metadata(made),
    spec: { tier: TIER, order: 60, selector, types: ['Ingress'], ingress },
  });
}

/** A host endpoint for lo, or for all interfaces. */
export function endpoint(node: string, interfaceName: 'lo' | '*'): DesiredObject {
  const isLo = interfaceName === 'lo';
  const rule = isLo ? 'default/nodes/lo' : 'default/nodes/endpoints';
  const made = { name: `${node}-${isLo ? 'lo' : 'all'}`, rules: [rule] };
  return wrap(made, {
    apiVersion,
    kind: 'HostEndpoint',
    metadata: metadata(made, { [isLo ? LABEL_LO : LABEL_ENFORCED]: '' }),
    spec: { node, interfaceName, profiles: ['projectcalico-default-allow'] },
  });
}

export function tier(made: Partial<Made> = {}): DesiredObject {
  const given = { name: TIER, ...made };
  const object = { apiVersion, kind: 'Tier', metadata: metadata(given) } as const;
  return wrap(given, { ...object, spec: { order: 900, defaultAction: 'Pass' } });
}

/** The object as a server would give it back. */
export function storedObject({ object }: DesiredObject, resourceVersion = '1'): StoredObject {
  const { name, namespace } = object.metadata;
  const uid = `uid-${object.kind}-${namespace ?? ''}-${name}`;
  return { ...object, metadata: { ...object.metadata, uid, resourceVersion } };
}

/** The same for an object that no desired one stands behind. */
export const asStored = (object: GeneratedObject): StoredObject => ({
  ...object,
  metadata: { ...object.metadata, uid: `${object.kind}-${object.metadata.name}`, resourceVersion: '1' },
});

/** The projection that reflectors keep of an object that we have written. */
export function projected(kind: GeneratedKind, object: StoredObject): LiveObject {
  const each = projectLive(kind, new Set())(object);
  return each.ours ? { ...each, isOpen: false } : each;
}

/** The projection of it as stored. */
export const live = (desired: DesiredObject): LiveObject =>
  projected(desired.object.kind, storedObject(desired));

/** The projection of the same object where a tenant may have written it. */
export const open = (desired: DesiredObject): LiveObject =>
  projectLive(desired.object.kind, new Set())(storedObject(desired));

/** The same, deleted, while a finalizer of another client keeps it. */
export function heldObject(desired: DesiredObject, finalizers = ['example.com/keep']): OwnedObject {
  const { metadata, ...rest } = storedObject(desired);
  const deleted = { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z', finalizers };
  return owned(projected(desired.object.kind, { ...rest, metadata: deleted }));
}

/** The object as it is when it was emptied. */
export const emptiedObject = (desired: DesiredObject): DesiredObject => ({
  ...desired,
  object: {
    ...desired.object,
    spec: { ...desired.object.spec, ...emptyingSpec(desired.object.kind) },
  } as DesiredObject['object'],
});

export function owned(object: LiveObject): OwnedObject {
  if (!object.ours) throw new Error('not ours');
  return object;
}

/** An object of another client with the same name. */
export const foreign = (desired: DesiredObject, manager = 'helm'): LiveObject => {
  const { metadata: ours, ...rest } = storedObject(desired);
  const { name, namespace, uid, resourceVersion } = ours;
  const managedFields = [{ manager, operation: 'Update', time: '2026-01-01T00:00:00Z' }];
  const theirs = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    uid,
    resourceVersion,
    managedFields,
  };
  return projectLive(desired.object.kind, new Set())({ ...rest, metadata: theirs });
};

/** Names and contents of objects, sorted: equal where the objects are. */
export const contentOf = (objects: readonly GeneratedObject[]): readonly string[] =>
  objects.map((object) => `${objectId(object.kind, object.metadata)} ${desiredHash(object)}`).sort();

/** The step that removes it. */
export function removal(desired: DesiredObject): RemoveStep {
  return removeStep(owned(live(desired)));
}

/** The step that creates it. */
export const creation = (desired: DesiredObject): ApplyStep => applyStep(desired, undefined);

/** The step that puts it in the place of what is stored under its name. */
export function replacement(stored: DesiredObject, desired: DesiredObject): ApplyStep {
  return applyStep(desired, owned(live(stored)));
}

/** The verdicts on everything that this plan compares, where every kind is served and nothing is contested. */
export const verdictsAfter = (plan: Plan, unwritten: readonly Unwritten[] = []): readonly Verdict[] =>
  verdictsOf({
    desired: plan.comparisons.map(({ desired }) => desired),
    plan,
    unwritten,
    serves: () => true,
    isContested: () => false,
  });
