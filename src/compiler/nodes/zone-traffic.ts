/** The traffic that a zone allows, as Calico rules match it. */
import type { PortValue, Zone } from '../../api/schema.ts';
import { otherPorts } from '../../net/ports.ts';
import { isServiceName, SERVICES } from '../../net/services.ts';
import { located, RuleProblem } from '../problems.ts';
import { matchPorts, type PortMatch } from '../flows/rules.ts';
import type { NodeContext } from './context.ts';
import { matchOthers, matchProtocols } from './protocols.ts';

export interface ZoneTraffic {
  readonly matches: readonly PortMatch[];
  /** The ports in it. */
  readonly ports: readonly PortValue[];
  /** True where it is everything but something: then it says nothing of the ports that it has. */
  readonly isBroad: boolean;
}

/** @throws RuleProblem for an unknown service, and where allBut would leave nothing out */
export function zoneTraffic({ allow }: Zone, context: NodeContext): ZoneTraffic {
  const { all, allBut, protocols = [] } = allow;
  if (all === true) return { matches: matchPorts(['All']), ports: ['All'], isBroad: true };
  if (allBut !== undefined) {
    const left = located('.allow.allBut', () => portsOf(allBut, (name) => leftOut(name, context)));
    return {
      matches: matchOthers(left, allBut.protocols ?? []),
      ports: otherPorts(left),
      isBroad: true,
    };
  }
  const ports = located('.allow', () => portsOf(allow, context.services));
  return { matches: [...matchPorts(ports), ...matchProtocols(protocols)], ports, isBroad: false };
}

type Lists = Pick<Zone['allow'], 'services' | 'ports'>;

const portsOf = ({ services = [], ports = [] }: Lists, of: NodeContext['services']): readonly PortValue[] => [
  ...services.flatMap((name, index) => located(`.services[${String(index)}]`, () => of(name))),
  ...ports,
];

/** The ports that the cluster tells may become fewer, and then the zone must not open more. */
function leftOut(name: string, { services, nodeFirewall }: NodeContext): readonly PortValue[] {
  const isReplaced = (nodeFirewall.nodes.services ?? []).some(
    (own) => own.name === name && own.override === true,
  );
  const ports = [...services(name), ...(isServiceName(name) && !isReplaced ? SERVICES[name] : [])];
  if (ports.length > 0) return ports;
  throw new RuleProblem(
    'ResolvesToNothing',
    `service "${name}" has no port here, so nothing would be left out`,
  );
}
