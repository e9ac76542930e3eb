/**
 * Decides what a change of the policies of nodes needs, so no node sees a state that differs from both the
 * state before and the state after (docs/decisions/0013-node-firewall.md). Pure.
 */
import type { DesiredObject } from '../../compiler/types.ts';
import type { OwnedObject } from '../objects/live.ts';
import type { Role } from '../objects/role.ts';
import { shadowName } from './node-shadows.ts';
import { isBefore, waveOf } from './order.ts';
import { changeOf, mayGain, mayLose, replaces, rulesOf, type Step } from './step.ts';

export interface NodeChange {
  /** Shadows to be written. */
  readonly wanted: readonly DesiredObject[];
  /** Stored ones that stay. */
  readonly kept: readonly OwnedObject[];
  /** True when its waves wait for one another. */
  readonly staged: boolean;
  /** True when shadows are wanted that were not given. */
  readonly needsStored: boolean;
}

export interface NodeChangeInput {
  /** All that is to be written, sets included. */
  readonly steps: readonly Step[];
  /** Stored shadows. */
  readonly stored: readonly OwnedObject[];
  /** The result of nodeShadows. Undefined: the stored policies were not read. */
  readonly shadows: ReadonlyMap<string, DesiredObject> | undefined;
}

export function nodeChange({ steps, stored, shadows }: NodeChangeInput): NodeChange {
  const known = new Set(stored.map(({ name }) => name));
  const kept = stored.filter(({ role }) => {
    const until = role === 'podShadow' ? 'sweep' : 'retire';
    return steps.some((step) => isBefore(step, until));
  });
  const missing = shadowedBy(steps).filter(
    ({ firewall = '', name }) => !known.has(shadowName(firewall, name)),
  );
  return {
    wanted: missing.flatMap(({ name }) => shadows?.get(name) ?? []),
    kept,
    staged: stored.length > 0 || missing.length > 0 || isStaged(steps),
    needsStored: missing.length > 0 && shadows === undefined,
  };
}

const having =
  (steps: readonly Step[]) =>
  (...roles: readonly Role[]): readonly Step[] =>
    steps.filter(({ role }) => roles.includes(role));

const FINAL = ['finalDeny', 'finalObserve'] as const;
const BLOCKS = ['nodeBlock', 'podBlock'] as const;

/**
 * Policies that change in place while something else changes between the two halves: after what they gain,
 * before what they lose.
 */
function shadowedBy(steps: readonly Step[]): readonly OwnedObject[] {
  const of = having(steps);
  const [allows, addresses] = [of('nodeAllow'), of('nodeAddresses')];
  const denies = of(...FINAL, 'nodeAddresses');
  const changed = allows.filter(replaces);
  const opens = denies.some(mayLose) || of('nodeEndpoint').some(replaces);
  const policiesChange = steps.some((step) => waveOf(step) === 'policies');
  return [
    ...(mayExchangeSources(changed) || opens ? changed : []),
    ...(policiesChange || allows.length + denies.length > 0 ? of(...BLOCKS).filter(replaces) : []),
    ...(addresses.length > 0 ? of('finalDeny').filter((step) => changeOf(step) === 'update') : []),
  ].flatMap(({ live }) => live ?? []);
}

/**
 * True when a source may go from one rule to another in the same layer. Policies of one rule there say the
 * same of different nodes.
 */
function mayExchangeSources(changed: readonly Step[]): boolean {
  const rules = new Set(changed.map((step) => `${layerOf(step)} ${rulesOf(step).join()}`));
  return new Set(changed.map(layerOf)).size < rules.size;
}

const layerOf = (step: Step): string =>
  step.action === 'apply' && 'preDNAT' in step.desired.object.spec ? 'ports' : 'host';

function losesAddresses(step: Step): boolean {
  if (step.action !== 'apply' || step.live === undefined) return step.action !== 'apply';
  const { spec } = step.desired.object;
  const nets = 'nets' in spec ? spec.nets : [];
  return (step.live.nets ?? []).some((net) => !nets.includes(net));
}

/** Felix watches each kind by itself. Where the order of two kinds matters, waves wait for one another. */
function isStaged(steps: readonly Step[]): boolean {
  const of = having(steps);
  const [endpoints, addresses, blocks] = [of('nodeEndpoint'), of('nodeAddresses'), of(...BLOCKS)];
  const policies = [...of('nodeAllow'), ...blocks, ...of(...FINAL)];
  const sets = of('set').filter((step) => !replaces(step));
  if (sets.some(mayGain) && policies.some(mayGain)) return true;
  if (!sets.every(mayGain) && policies.some(mayLose)) return true;
  if (endpoints.length > 0 && (policies.length > 0 || addresses.some(losesAddresses))) return true;
  if (addresses.length > 0 && (policies.length > 0 || !endpoints.every(mayGain))) return true;
  // Blocks at pods bound policies of both kinds.
  if (blocks.length > 0 && of('allow').length > 0) return true;
  return of('lo').some(mayLose) && of(...FINAL).some(mayLose);
}
