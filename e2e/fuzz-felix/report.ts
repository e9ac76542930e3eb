/** The results of a campaign, as text. */
import type { Totals } from './campaign.ts';

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
  const { rounds, packets, allowed, undecided, interrupted, byNode, byFamily, disagreements, coverage } =
    totals;
  const share = packets === 0 ? 0 : Math.round((allowed / packets) * 100);
  const nodes = Object.entries(byNode).map(([node, count]) => `${node} ${String(count)}`);
  return [
    `${String(packets)} packets in ${String(rounds)} clusters, ${String(disagreements.length)} differ`,
    `${String(share)} % allowed; IPv4 ${String(byFamily[4])}, IPv6 ${String(byFamily[6])}; decided at ${nodes.sort().join(', ')}`,
    `${String(interrupted.length)} clusters were interrupted: Felix ended, or was too slow`,
    ...flowLogs(totals),
    `${String(undecided)} more packets went to Services whose backends differ, and were not sent`,
    '',
    'feature                                       decisive packets',
    ...coverage.table().map(([name, count]) => `${name.padEnd(46)}${String(count).padStart(16)}`),
    '',
    `left out: ${LEFT_OUT.join(', ')}`,
  ].join('\n');
}

function flowLogs({
  witnessed: { judgements, packets, pending },
  flowDifferences,
}: Totals): readonly string[] {
  if (judgements === 0) return [];
  return [
    `flow logs: ${String(judgements)} decisions of pods' policies about ${String(packets)} packets, ${String(pending)} of them with staged policies as well, ${String(flowDifferences.length)} differ`,
  ];
}
