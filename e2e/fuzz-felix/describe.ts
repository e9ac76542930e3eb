/** A disagreement as text. */
import type { Reason } from '../../src/simulator/decision.ts';
import type { Shape } from './cast.ts';
import type { Compared } from './compare.ts';

export interface Disagreement extends Compared {
  readonly round: number;
  readonly shape: Shape;
}

export function describe({ round, shape, packet, outcome, sight }: Disagreement): string {
  const { decisive, verdict } = outcome;
  const { node, layer, endpoint, source, destination, decision } = decisive;
  return [
    `round ${String(round)} ${shape}: ${packet.from} → ${packet.to} ${packet.protocol} ${String(packet.port)}`,
    `  simulator: ${verdict} at ${node}, ${layer} ${endpoint} (${source} → ${destination}), ${reason(decision.by)}`,
    `  Felix: ${sight.seen} ${sight.detail ?? ''} ${sight.source ?? ''}`.trimEnd(),
  ].join('\n');
}

function reason(by: Reason): string {
  switch (by.kind) {
    case 'rule':
      return `${by.rule.action} by ${by.policy.kind} ${by.policy.sortName}, ${by.rule.path}`;
    case 'endOfTier':
      return `end of tier ${by.tier}`;
    case 'builtIn':
      return by.why;
    case 'unknown':
      return by.because;
    case 'profile':
      return `profile ${by.profile}`;
    default:
      return by.kind;
  }
}
