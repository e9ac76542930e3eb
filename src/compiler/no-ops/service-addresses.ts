/**
 * Addresses of Services in rules. Policies are asked after the Service's address has become that of a pod, so
 * a rule about the former matches nothing.
 */
import type { ClusterFirewall } from '../../api/schema.ts';
import type { Inventory } from '../../inventory/types.ts';
import { type Cidr, containsCidr, formatCidr, parseAddress, parseCidr } from '../../net/cidr.ts';
import { listed } from '../nodes/listed.ts';
import type { ProblemCollector } from '../problems.ts';
import { rulesOf, zonesOf } from './entries.ts';

interface End {
  readonly peer?: string | undefined;
  readonly ipBlock?: { readonly cidr: string } | undefined;
}

/** Ranges of at most 256 addresses are looked up; a larger one meets a Service by accident. */
const NARROW = { 4: 24, 6: 120 } as const;

export function reportServiceAddresses(
  firewall: ClusterFirewall,
  services: ServiceAddresses,
  collector: ProblemCollector,
): void {
  // Thousands of rules may name the same thousand CIDRs.
  const ofPeers = new Map(
    (firewall.spec.peers ?? []).map(({ name, cidrs = [] }) => [
      name,
      cidrs.flatMap((cidr) => services.meeting(cidr)),
    ]),
  );
  for (const { place, ends } of [...rulesOf(firewall), ...zonesOf(firewall)]) {
    for (const { end, at } of ends) {
      const met = metBy(end, ofPeers, services);
      if (met.length > 0) collector.warn(place, 'NoEffect', message(met, at.startsWith('.to')), at);
    }
  }
}

const metBy = (
  { ipBlock, peer = '' }: End,
  ofPeers: ReadonlyMap<string, readonly Met[]>,
  services: ServiceAddresses,
): readonly Met[] => (ipBlock === undefined ? (ofPeers.get(peer) ?? []) : services.meeting(ipBlock.cidr));

const API_SERVER = 'default/kubernetes';

function message(met: readonly Met[], isDestination: boolean): string {
  const names = [...new Set(met.map(({ what }) => what))].toSorted();
  const remedy = met.some(({ service }) => service === API_SERVER)
    ? 'write { entity: KubeAPIServer }'
    : isDestination
      ? `write { service: ${serviceOf(met)} }, with ports: [All] in a rule of its own`
      : 'write pods with the labels of its selector, and the ports of these pods';
  return `${listed(names)}: policies see the pod that a Service leads to, and never the address of the Service, so that address opens nothing: ${remedy}`;
}

function serviceOf(met: readonly Met[]): string {
  const [namespace, name] = met.find(({ service }) => service !== undefined)?.service?.split('/') ?? [];
  return `{ namespace: ${namespace ?? '…'}, name: ${name ?? '…'} }`;
}

interface Met {
  readonly what: string;
  readonly service?: string;
}

interface Known extends Met {
  readonly address: Cidr;
}

/** The addresses of the cluster's Services, by the narrow range that they are in. */
export class ServiceAddresses {
  readonly #byRange: ReadonlyMap<string, readonly Known[]>;
  readonly #ranges: readonly Cidr[];

  constructor({ services = [], clusterIPs = [], externalIPs = [], serviceCIDRs = [] }: Inventory) {
    const names = new Map(
      services.flatMap(({ namespace, name, clusterIPs: own, externalIPs: external = [] }) =>
        [...own, ...external].map((address) => [address, `${namespace}/${name}`]),
      ),
    );
    const open = new Set(services.filter(isDns).flatMap((service) => service.clusterIPs));
    const addresses = new Set([...names.keys(), ...clusterIPs, ...externalIPs]);
    const known = [...addresses]
      .filter((address) => !open.has(address))
      .map((text): Known => {
        const service = names.get(text);
        const address = parseAddress(text);
        return service === undefined
          ? { address, what: `${text} is an address of a Service` }
          : { address, what: `${text} is an address of Service ${service}`, service };
      });
    this.#byRange = Map.groupBy(known, ({ address }) => rangeOf(address));
    this.#ranges = serviceCIDRs.map(parseCidr);
  }

  /** The Services that the CIDR is about: it names some of their addresses, or a part of their range. */
  meeting(text: string): readonly Met[] {
    const cidr = parseCidr(text);
    const found =
      cidr.prefix < NARROW[cidr.family]
        ? []
        : (this.#byRange.get(rangeOf(cidr)) ?? []).filter(({ address }) => containsCidr(cidr, address));
    if (found.length > 0) return found;
    const range = this.#ranges.find((each) => containsCidr(each, cidr));
    return range === undefined ? [] : [{ what: `${text} is in the range of Services ${formatCidr(range)}` }];
  }
}

/** A cache on the node may have the address itself, and defaults.dns opens it. */
const isDns = ({ ports }: NonNullable<Inventory['services']>[number]): boolean =>
  ports.some(({ protocol, port }) => protocol === 'UDP' && port === 53);

function rangeOf({ family, value }: Cidr): string {
  const hostBits = BigInt((family === 4 ? 32 : 128) - NARROW[family]);
  return `${String(family)}/${String(value >> hostBits)}`;
}
