/** The flows that Enforce would refuse, for people: one line each. */
import { differenceText } from '../../questions/nearest.ts';
import { PROTOCOL_NAMES } from '../../questions/packet-text.ts';
import { isRefused, type Observation, type Observed } from '../../traffic/observed.ts';
import { minuteOf } from '../ago.ts';
import { printable } from '../printable.ts';
import { columns } from '../columns.ts';

const HEAD = ['FROM', 'TO', 'PORT', 'COUNT', 'REFUSED AT, NEAREST RULE, LAST SEEN (UTC)'];

export function observationText({ flows, lost, foreign }: Observation): string {
  const refused = flows.filter(isRefused);
  const rows = refused.map((flow) => [...endCells(flow), detailText(flow)]);
  return [
    ...(rows.length > 0 ? [columns([HEAD, ...rows].map(shown)), '\n'] : []),
    `${summary(flows, refused)}\n`,
    ...flows.flatMap((flow) => doubtText(flow) ?? []).map((text) => `${printable(text)}\n`),
    ...lost.map(
      ({ name, why, connections }) =>
        `not resolved: ${printable(name)}, ${times(connections)}: ${printable(why)}\n`,
    ),
    ...(foreign > 0
      ? [`not judged: ${times(foreign)} between two addresses outside of the cluster, through a node\n`]
      : []),
  ].join('');
}

const shown = (row: readonly string[]): readonly string[] => row.map(printable);

const endCells = ({ from, to, connections, ...flow }: Observed): readonly string[] => [
  from,
  to,
  portOf(flow),
  String(connections),
];

const detailText = (flow: Observed): string =>
  [
    ...(flow.side === undefined ? [] : [`at the ${flow.side}`]),
    ...nearestText(flow),
    ...(flow.lastSeen === undefined ? [] : [minuteOf(new Date(flow.lastSeen).toISOString())]),
  ].join('; ');

/** `5432/TCP`, `30080→8080/TCP`, `ICMP`. */
export function portOf({
  protocol,
  port,
  sentPort,
}: Pick<Observed, 'protocol' | 'port' | 'sentPort'>): string {
  const name = PROTOCOL_NAMES.get(protocol) ?? `protocol ${String(protocol)}`;
  if (port === 0) return name;
  return `${sentPort === undefined ? '' : `${String(sentPort)}→`}${String(port)}/${name}`;
}

function nearestText({ nearest, rule, why, protocol, port, sentPort }: Observed): readonly string[] {
  if (nearest === undefined)
    return rule === undefined || /\/(?:defaults|nodes)\/deny$/.test(rule.id) ? [] : [why];
  const name = nearest.rule?.id ?? `${nearest.policy.kind} ${nearest.policy.name}`;
  const asked = portOf({ protocol, port, ...(sentPort !== undefined && { sentPort }) });
  return [`${name}: ${differenceText(nearest, asked)}`];
}

/** A verdict that is not known, or that Calico sees otherwise. */
function doubtText(flow: Observed): string | undefined {
  const { from, to, verdict, why, calico, connections } = flow;
  const name = `${from} → ${to}, ${portOf(flow)}, ${times(connections)}`;
  if (calico !== undefined)
    return `differs: ${name}: Calico's verdict on its staged policies is ${calico}, and the simulator's is ${verdict}: ${why}`;
  return verdict === 'Unknown' ? `not known: ${name}: ${why}` : undefined;
}

function summary(flows: readonly Observed[], refused: readonly Observed[]): string {
  const sum = (of: readonly Observed[]): number => of.reduce((total, each) => total + each.connections, 0);
  if (flows.length === 0) return 'no flows were seen';
  const seen = `${String(flows.length)} ${flows.length === 1 ? 'kind' : 'kinds'} of flows (${times(sum(flows))})`;
  if (refused.length === 0) return `Enforce would refuse none of ${seen}`;
  return `Enforce would refuse ${String(refused.length)} of ${seen}: ${times(sum(refused))}`;
}

const times = (connections: number): string =>
  connections === 1 ? '1 connection' : `${connections.toLocaleString('en')} connections`;
