/**
 * What a change of the policies of nodes needs so that no node sees a state in between that says something else than the states before
 * and after: docs/decisions/0013-node-firewall.md. Pure.
 */
import type { DesiredObject } from '../../compiler/types.ts';
import { hasDenyRule, type LiveObject, type OwnedObject } from '../objects/live.ts';
import { copiesAtPods, copyName, isNodeCopy } from './node-shadows.ts';
import type { Step } from './step.ts';
import {
  END,
  isNodeStep,
  LATE,
  phaseOf,
  POLICIES,
  roleOf,
  rulesOf,
  stageOf,
  type NodeRole,
  type Stage,
} from './waves.ts';

export const isStoredCopy = (object: LiveObject): object is OwnedObject =>
  object.ours && object.phase === 'bridgeFrom' && isNodeCopy(object.rules);

export interface NodeChange {
  /** Copies to be written. */
  readonly wanted: readonly DesiredObject[];
  /** Stored ones that stay. */
  readonly kept: readonly OwnedObject[];
  /** True when its stages wait for one another. */
  readonly staged: boolean;
  /** True when copies are wanted that were not given. */
  readonly needsStored: boolean;
}

export interface NodeChangeInput {
  /** All that is to be written, sets included. */
  readonly steps: readonly Step[];
  readonly stored: readonly OwnedObject[];
  /** As nodeCopies makes them; undefined: not read. */
  readonly copies: ReadonlyMap<string, DesiredObject> | undefined;
}

export function nodeChange({ steps, stored, copies }: NodeChangeInput): NodeChange {
  const known = new Set(stored.map(({ name }) => name));
  const isBefore = (stage: Stage): boolean => steps.some((step) => stageOf(step) < stage);
  const kept = stored.filter(({ rules }) => isBefore(copiesAtPods(rules) ? END : LATE));
  if (!isBefore(LATE)) {
    return { wanted: [], kept, staged: known.size > 0 || isStaged(steps), needsStored: false };
  }
  const missing = copiedBy(steps).filter(
    ({ live }) => live !== undefined && !known.has(copyName(live.firewall ?? '', live.name)),
  );
  return {
    wanted: missing.flatMap(({ live }) => copies?.get(live?.name ?? '') ?? []),
    kept,
    staged: known.size > 0 || missing.length > 0 || isStaged(steps),
    needsStored: missing.length > 0 && copies === undefined,
  };
}

const isUpdate = (step: Step): boolean => step.action === 'apply' && step.live !== undefined;
const isLoss = (step: Step): boolean => step.action === 'remove' || isUpdate(step);
const isGain = (step: Step): boolean => step.action === 'apply';

const having =
  (steps: readonly Step[]) =>
  (...roles: readonly NodeRole[]): readonly Step[] =>
    steps.filter((step) => {
      const role = roleOf(step);
      return role !== undefined && roles.includes(role);
    });

/** Policies that change in place while something else does that has to come before one half of the change and after the other. */
function copiedBy(steps: readonly Step[]): readonly Step[] {
  const of = having(steps);
  const [allows, blocks, lastWords] = [of('allow'), of('block'), of('lastWord')];
  const denies = of('lastWord', 'judged');
  const changed = allows.filter(isUpdate);
  const opens = denies.some(isLoss) || of('endpoint').some(isUpdate);
  const podsChange = steps.some((step) => !isNodeStep(step) && stageOf(step) === POLICIES);
  return [
    ...(movesBetween(changed) || opens ? changed : []),
    ...(podsChange || allows.length + denies.length > 0 ? blocks.filter(isUpdate) : []),
    ...(of('judged').length > 0 ? lastWords.filter(goesOnDenying) : []),
  ];
}

const goesOnDenying = (step: Step): boolean =>
  step.action === 'apply' && step.live?.denies === true && hasDenyRule(step.desired.object.spec);

/** A source may go from one rule to another in the same layer. Policies of one rule there say the same of different nodes. */
function movesBetween(changed: readonly Step[]): boolean {
  const rules = new Set(changed.map((step) => `${layerOf(step)} ${rulesOf(step).join()}`));
  return new Set(changed.map(layerOf)).size < rules.size;
}

const layerOf = (step: Step): string =>
  step.action === 'apply' && 'preDNAT' in step.desired.object.spec ? 'ports' : 'host';

function losesAddresses(step: Step): boolean {
  if (step.action === 'remove' || step.live === undefined) return step.action === 'remove';
  const { spec } = step.desired.object;
  const nets = 'nets' in spec ? spec.nets : [];
  return (step.live.nets ?? []).some((net) => !nets.includes(net));
}

/** Felix watches each kind by itself: where order matters between kinds, what comes later waits. */
function isStaged(steps: readonly Step[]): boolean {
  const of = having(steps);
  const [allows, blocks, endpoints, judged] = [of('allow'), of('block'), of('endpoint'), of('judged')];
  const policies = [...allows, ...blocks, ...of('lastWord')];
  const sets = steps.filter((step) => phaseOf(step) === 'set' && !isUpdate(step));
  if (sets.some(isGain) && policies.some(isGain)) return true;
  if (!sets.every(isGain) && policies.some(isLoss)) return true;
  if (endpoints.length > 0 && (policies.length > 0 || judged.some(losesAddresses))) return true;
  if (judged.length > 0 && (policies.length > 0 || !endpoints.every(isGain))) return true;
  // At pods they are policies of both kinds that a block bounds.
  if (blocks.length > 0 && steps.some((step) => phaseOf(step) === 'allow')) return true;
  return of('lo').some(isLoss) && of('lastWord').some(isLoss);
}
