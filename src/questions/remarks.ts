/** Facts that a reader of an answer would otherwise miss. */
import type { Prepared } from '../simulator/prepared.ts';
import { podName } from '../simulator/world.ts';
import type { Outcome } from '../simulator/trail.ts';
import type { Answer } from './ask.ts';
import { listed } from './errors.ts';
import { portText } from './packet-text.ts';

export function remarksOn(prepared: Prepared, answer: Answer): readonly string[] {
  const { from, to, header, sent, outcome, entry } = answer;
  const { decisive } = outcome;
  const remarks: string[] = [];
  for (const end of [from, to]) {
    if (end.kind === 'pod' && end.isAssumed)
      remarks.push(
        `${end.name} does not exist: it is taken to be on node ${end.pod.node} with the address ${end.pod.addresses.join(' and ')}`,
      );
    if (end.kind === 'outside' && prepared.party(end.address).pool !== undefined)
      remarks.push(`${end.address} is in an IPPool, and no pod has it now`);
  }
  const isTranslated = decisive.destination !== sent.destination || decisive.port !== sent.port;
  if (isTranslated) {
    const place = prepared.placeOf(decisive.destination);
    const pod = place?.kind === 'pod' ? ` of pod ${podName(place.pod)}` : '';
    const port = portText({ ...header, port: decisive.port });
    const ports = decisive.port === sent.port ? '' : `. Rules are about ${port}, not ${portText(header)}`;
    remarks.push(
      `${to.name} leads to ${decisive.destination}, port ${port}${pod}${ports}${othersBehind(prepared, to)}`,
    );
  }
  remarks.push(...remarksOnSource(prepared, answer), ...remarksOnPolicies(outcome));
  if (entry !== undefined && prepared.world.nodes.length > 1)
    remarks.push(`the packet comes in at node ${entry}`);
  return remarks;
}

function remarksOnSource(
  prepared: Prepared,
  { sent, outcome: { steps, decisive } }: Answer,
): readonly string[] {
  const source = sent.source === '' ? steps[0]?.source : sent.source;
  if (source === undefined || decisive.source === source || decisive.layer === 'tunnel') return [];
  const judged = steps.findLast(({ layer }) => layer !== 'delivery');
  if (judged?.source === source)
    return [`rules see the source ${source}, of which NAT makes ${decisive.source} afterwards`];
  const place = prepared.placeOf(decisive.source);
  const owner = place?.kind === 'node' ? `, an address of node ${place.node.node.name},` : '';
  return [`NAT has made ${decisive.source}${owner} of the source ${source} by then`];
}

/** The kind is as young as Calico 3.32, and the simulator is compared with 3.31. */
function remarksOnPolicies({ steps }: Outcome): readonly string[] {
  const asked = steps.flatMap(({ asked: of = [] }) => of.map(({ policy }) => policy));
  const names = new Set(asked.flatMap(({ kind, name }) => (kind === 'ClusterNetworkPolicy' ? [name] : [])));
  if (names.size === 0) return [];
  return [`ClusterNetworkPolicy ${listed([...names], 4)} is read as documented, and no packet has proven it`];
}

function othersBehind(prepared: Prepared, to: Answer['to']): string {
  if (to.kind !== 'service') return '';
  const count = prepared.services.addressesBehind(podName(to.service)).length;
  return count > 1 ? `. It is one of ${String(count)} endpoints, and all end alike` : '';
}
