/** The results of a campaign, as text. */
import type { Reason } from '../../src/simulator/decision.ts';
import type { Disagreement, Totals } from './campaign.ts';

/** Features that the simulator does not know. It answers Unknown, and the fuzz leaves them out. */
const LEFT_OUT = [
  'IPIP',
  'WireGuard',
  'eBPF dataplane',
  'doNotTrack',
  'application layer (http)',
  'ClusterNetworkPolicy',
  'Windows',
];

export function table(totals: Totals): string {
  const { rounds, packets, allowed, undecided, byNode, byFamily, disagreements, coverage } = totals;
  const share = packets === 0 ? 0 : Math.round((allowed / packets) * 100);
  const nodes = Object.entries(byNode).map(([node, count]) => `${node} ${String(count)}`);
  return [
    `${String(packets)} packets in ${String(rounds)} clusters, ${String(disagreements.length)} differ`,
    `${String(share)} % allowed; IPv4 ${String(byFamily[4])}, IPv6 ${String(byFamily[6])}; decided at ${nodes.sort().join(', ')}`,
    `${String(undecided)} more packets went to Services whose backends differ, and were not sent`,
    '',
    'feature                                       decisive packets',
    ...coverage.table().map(([name, count]) => `${name.padEnd(46)}${String(count).padStart(16)}`),
    '',
    `left out: ${LEFT_OUT.join(', ')}`,
  ].join('\n');
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
