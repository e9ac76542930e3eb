/** Calico's objects that are no policies, in their stored form. Every reader throws a FieldError. */
import type { Cidr } from '../../net/cidr.ts';
import { DEFAULT_TIER_ORDER } from '../tiers.ts';
import { FieldError, readNet, type Fields, type ObjectFields } from './fields.ts';
import { readProtocol } from './protocols.ts';

export interface StoredTier {
  readonly name: string;
  /** Infinity for a tier that does not exist. */
  readonly order: number;
  readonly defaultAction: 'Pass' | 'Deny';
}

export function readTier({ metadata, fields }: ObjectFields): StoredTier {
  const spec = fields.object('spec');
  const passes = spec.has('defaultAction')
    ? spec.text('defaultAction') === 'Pass'
    : PASSING.includes(metadata.name);
  return {
    name: metadata.name,
    order: spec.number('order') ?? DEFAULT_TIER_ORDER,
    defaultAction: passes ? 'Pass' : 'Deny',
  };
}

/** Tiers of Kubernetes' own admin policies (Calico 3.29 and 3.32). */
const PASSING: readonly string[] = [
  'adminnetworkpolicy',
  'baselineadminnetworkpolicy',
  'kube-admin',
  'kube-baseline',
];

/** Calico makes them when it starts (libcalico-go, EnsureInitialized). */
export const BUILT_IN_TIERS: readonly StoredTier[] = [
  { name: 'adminnetworkpolicy', order: 1000, defaultAction: 'Pass' },
  { name: 'kube-admin', order: 1000, defaultAction: 'Pass' },
  { name: 'default', order: DEFAULT_TIER_ORDER, defaultAction: 'Deny' },
  { name: 'baselineadminnetworkpolicy', order: 10_000_000, defaultAction: 'Pass' },
  { name: 'kube-baseline', order: 10_000_000, defaultAction: 'Pass' },
];

/** A GlobalNetworkSet, or a NetworkSet with its namespace. */
export interface StoredSet {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly nets: readonly Cidr[];
}

export function readNetworkSet({ kind, metadata, fields }: ObjectFields): StoredSet {
  const { name, namespace, labels } = metadata;
  const nets = fields.object('spec').nets('nets');
  return { kind, name, ...(namespace !== undefined && { namespace }), labels, nets };
}

export interface NamedPort {
  readonly name: string;
  readonly protocol: number;
  readonly port: number;
}

export interface StoredHostEndpoint {
  readonly name: string;
  readonly node: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `*`, a name, or absent where an address says which interface it is. */
  readonly interfaceName?: string;
  /** Addresses, as CIDRs of full length. */
  readonly expectedIPs: readonly Cidr[];
  readonly profiles: readonly string[];
  readonly ports: readonly NamedPort[];
}

export function readHostEndpoint({ metadata, fields }: ObjectFields): StoredHostEndpoint {
  const spec = fields.object('spec');
  const interfaceName = spec.text('interfaceName');
  return {
    name: metadata.name,
    node: spec.text('node'),
    labels: metadata.labels,
    ...(interfaceName !== '' && { interfaceName }),
    expectedIPs: spec.nets('expectedIPs'),
    profiles: spec.texts('profiles'),
    ports: spec.list('ports').map((port) => ({
      name: port.text('name'),
      protocol: readProtocol(port, 'protocol') ?? 0,
      port: port.number('port') ?? 0,
    })),
  };
}

export interface StoredPool {
  readonly cidr: Cidr;
  readonly natOutgoing: boolean;
  readonly vxlan: 'Never' | 'Always' | 'CrossSubnet';
  readonly ipip: 'Never' | 'Always' | 'CrossSubnet';
}

const MODES = ['Never', 'Always', 'CrossSubnet'] as const;

/** Undefined for a pool that is disabled. */
export function readIPPool({ fields }: ObjectFields): StoredPool {
  const spec = fields.object('spec');
  const mode = (key: string) => {
    const text = spec.text(key) || 'Never';
    const known = MODES.find((each) => each === text);
    if (known === undefined) throw new FieldError(spec.at(key), `is none of ${MODES.join(', ')}`);
    return known;
  };
  return {
    cidr: spec.net('cidr'),
    natOutgoing: spec.flag('natOutgoing'),
    vxlan: mode('vxlanMode'),
    ipip: mode('ipipMode'),
  };
}

export interface Failsafe {
  readonly protocol: number;
  readonly port: number;
  readonly net?: Cidr;
}

/** The parts of a FelixConfiguration that decide about packets. Absent: the object does not say. */
export interface StoredFelixConfiguration {
  readonly name: string;
  readonly failsafeInbound?: readonly Failsafe[];
  readonly failsafeOutbound?: readonly Failsafe[];
  readonly endpointToHostAction?: 'Drop' | 'Accept' | 'Return';
  readonly nftables?: boolean;
  readonly bpf?: boolean;
  readonly vxlanPort?: number;
  readonly wireguard?: boolean;
  readonly excludesHostsFromNat?: boolean;
  readonly ignoresInvalid?: boolean;
  readonly allowsVxlanFromWorkloads?: boolean;
  readonly allowsIpipFromWorkloads?: boolean;
  /** True where it is for nodes that a selector chooses (Calico 3.32). */
  readonly isSelective: boolean;
}

export function readFelixConfiguration({ metadata, fields }: ObjectFields): StoredFelixConfiguration {
  const spec = fields.object('spec');
  const vxlanPort = spec.number('vxlanPort');
  const nftables = spec.text('nftablesMode');
  const action = endpointToHost(spec);
  const exclusions = spec.text('natOutgoingExclusions');
  return {
    name: metadata.name,
    isSelective: spec.has('nodeSelector'),
    ...(spec.has('failsafeInboundHostPorts') && {
      failsafeInbound: failsafes(spec, 'failsafeInboundHostPorts'),
    }),
    ...(spec.has('failsafeOutboundHostPorts') && {
      failsafeOutbound: failsafes(spec, 'failsafeOutboundHostPorts'),
    }),
    ...(action !== undefined && { endpointToHostAction: action }),
    // Auto follows kube-proxy, which cannot be seen here.
    ...((nftables === 'Enabled' || nftables === 'Disabled') && { nftables: nftables === 'Enabled' }),
    ...(spec.has('bpfEnabled') && { bpf: spec.flag('bpfEnabled') }),
    ...(vxlanPort !== undefined && { vxlanPort }),
    ...((spec.has('wireguardEnabled') || spec.has('wireguardEnabledV6')) && {
      wireguard: spec.flag('wireguardEnabled') || spec.flag('wireguardEnabledV6'),
    }),
    ...(exclusions !== '' && { excludesHostsFromNat: exclusions === 'IPPoolsAndHostIPs' }),
    ...(spec.has('disableConntrackInvalidCheck') && {
      ignoresInvalid: spec.flag('disableConntrackInvalidCheck'),
    }),
    ...(spec.has('allowVXLANPacketsFromWorkloads') && {
      allowsVxlanFromWorkloads: spec.flag('allowVXLANPacketsFromWorkloads'),
    }),
    ...(spec.has('allowIPIPPacketsFromWorkloads') && {
      allowsIpipFromWorkloads: spec.flag('allowIPIPPacketsFromWorkloads'),
    }),
  };
}

const TO_HOST = ['Drop', 'Accept', 'Return'] as const;

/** Felix takes the words in capitals, too. */
function endpointToHost(spec: Fields): (typeof TO_HOST)[number] | undefined {
  const text = spec.text('defaultEndpointToHostAction');
  if (text === '') return undefined;
  const known = TO_HOST.find((each) => each.toLowerCase() === text.toLowerCase());
  if (known === undefined)
    throw new FieldError(spec.at('defaultEndpointToHostAction'), `is none of ${TO_HOST.join(', ')}`);
  return known;
}

const failsafes = (spec: Fields, key: string): readonly Failsafe[] =>
  spec.list(key).map((each) => {
    const port = each.number('port');
    if (port === undefined) throw new FieldError(each.at('port'), 'is missing');
    const net = each.text('net');
    return {
      protocol: readProtocol(each, 'protocol') ?? 6,
      port,
      ...(net !== '' && { net: readNet(net, each.at('net')) }),
    };
  });
