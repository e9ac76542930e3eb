/** The baseline as a list for people to read. */
import type { Nodes } from '../../api/schema.ts';
import type { BaselineEntry, BaselineSource } from './baseline.ts';
import { BASELINE, PRIVILEGED } from './baseline.ts';
import { EVERY_JOINING_PORT } from './joining.ts';
import { servicesOf } from './services.ts';

export interface BaselineLine {
  readonly name: string;
  /** `where found`: on in clusters that have the program it is for. */
  readonly state: 'on' | 'off' | 'where found';
  readonly ports: string;
  readonly from: string;
  readonly what: string;
}

const SOURCES: Readonly<Record<BaselineSource, string>> = {
  anyone: 'anyone',
  nodes: 'Nodes',
  pods: 'Pods',
  controlPlane: 'ControlPlane',
  controlPlanePods: "controlPlane's pods",
  etcd: 'members of etcd',
  bgpPeers: 'BGPPeers',
  metricsServer: 'pods of metrics-server',
};

/** @param nodes the `nodes` of a firewall, which may disable entries and replace ports */
export function listBaseline(nodes: Pick<Nodes, 'baseline' | 'services'> = {}): readonly BaselineLine[] {
  const disabled = nodes.baseline?.disable ?? [];
  return BASELINE.map((entry) => ({
    name: entry.name,
    state: disabled.includes(entry.name) ? 'off' : entry.where === undefined ? 'on' : 'where found',
    ports: portsText(entry, nodes),
    from: [
      ...entry.from.map((source) => SOURCES[source]),
      ...(entry.joining === undefined ? [] : ['nodeCIDRs']),
    ].join(', '),
    what: entry.what,
  }));
}

function portsText({ opens, to = [] }: BaselineEntry, nodes: Pick<Nodes, 'services'>): string {
  const services = servicesOf(nodes);
  const numbers = (names: readonly string[]): string =>
    names.flatMap((name) => services(name).map(withProtocol)).join(' ');
  if (opens === 'unprivileged') return `all but ${numbers(PRIVILEGED)}`;
  if (opens === 'joiningPorts') return EVERY_JOINING_PORT.map(withProtocol).join(' ');
  if ('protocol' in opens)
    return [
      typeof opens.protocol === 'number' ? `protocol ${String(opens.protocol)}` : opens.protocol,
      ...to.map((cidr) => `to ${cidr}`),
    ].join(' ');
  return numbers(opens);
}

const withProtocol = (port: number | string): string =>
  String(port).includes('/') ? String(port) : `${String(port)}/TCP`;
