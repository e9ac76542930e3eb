/** What a step is to nodes, and which steps wait for which. Pure. */
import { isRuleOfNodes } from '../../compiler/names.ts';
import type { Phase } from '../../compiler/types.ts';
import { hasDenyRule, isLastWord } from '../objects/live.ts';
import { copiesAtPods } from './node-shadows.ts';
import type { Step } from './step.ts';

export const phaseOf = (step: Step): Phase =>
  step.action === 'apply' ? step.desired.phase : step.live.phase;

export const rulesOf = (step: Step): readonly string[] =>
  step.action === 'apply' ? step.desired.rules : step.live.rules;

/** What a step of spec.nodes does to what passes. Blocks are denies that no allow can undo, those at pods included. */
export type NodeRole = 'lo' | 'block' | 'allow' | 'lastWord' | 'endpoint' | 'judged';

/** Undefined for what is not of spec.nodes, and for sets, which are everybody's. */
export function roleOf(step: Step): NodeRole | undefined {
  switch (phaseOf(step)) {
    case 'lo':
      return 'lo';
    case 'nodeAllow':
      return 'allow';
    case 'nodeDeny':
      return isLastWord(rulesOf(step)) ? 'lastWord' : 'block';
    case 'guardrail':
      return rulesOf(step).some(isRuleOfNodes) ? 'block' : undefined;
    case 'hostEndpoint':
      return 'endpoint';
    case 'judged':
      return 'judged';
    default:
      return undefined;
  }
}

export const isNodeStep = (step: Step): boolean => roleOf(step) !== undefined;

/** True for a last word that denies, and is not stored as one that does: which addresses it means has to be known by then. */
export const beginsToClose = (step: Step): boolean =>
  roleOf(step) === 'lastWord' &&
  step.action === 'apply' &&
  hasDenyRule(step.desired.object.spec) &&
  step.live?.denies !== true;

/** True for what spec.nodes refuses at pods, and copies of it. */
export const isAtPods = (step: Step): boolean =>
  phaseOf(step) === 'guardrail' ? roleOf(step) === 'block' : copiesAtPods(rulesOf(step));

export const STAGES = 10;
export type Stage = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** Host endpoints go: a node without them is open, whatever else changes. */
export const ENDPOINTS_LEAVE: Stage = 1;
/** New ones come when everything stands. */
export const ENDPOINTS_COME: Stage = 8;
/** Allows and default denies. */
export const POLICIES: Stage = 4;
/** What has no effect any more goes. */
export const LATE: Stage = 7;
export const END: Stage = 9;

/**
 * Each waits for everything of the stages before. Inside one, all policies that must keep their order are of one kind. Endpoints leave
 * before what changes at nodes and come after it, so that nothing of it concerns a node that is open before or after; what is refused at
 * pods instead is there before they leave, and goes when they have come.
 */
export function stageOf(step: Step): Stage {
  const isUp = step.action === 'apply';
  if (isAtPods(step)) return isUp ? 0 : END;
  switch (phaseOf(step)) {
    case 'tier':
    case 'pass':
      return isUp ? 0 : END;
    case 'set':
      return isCreation(step) ? 0 : isUp ? 2 : END;
    case 'lo':
      return isUp ? 2 : END;
    case 'guardrail':
    case 'bridgeFrom':
    case 'bridgeTo':
      return isUp ? 3 : LATE;
    case 'allow':
    case 'deny':
      return POLICIES;
    case 'nodeAllow':
      return isUp ? POLICIES : LATE;
    case 'nodeDeny':
      if (beginsToClose(step)) return 6;
      if (roleOf(step) === 'lastWord') return POLICIES;
      return isUp ? 3 : LATE;
    case 'judged':
      return isUp ? 5 : POLICIES;
    case 'hostEndpoint':
      if (!isUp) return ENDPOINTS_LEAVE;
      return isCreation(step) ? ENDPOINTS_COME : 6;
  }
}

const isCreation = (step: Step): boolean => step.action === 'apply' && step.live === undefined;
