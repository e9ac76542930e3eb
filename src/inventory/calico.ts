/** Reads other people's Calico objects, if they affect pods, nodes and their host endpoints. */
import { KUBE_CONTROLLERS, LABEL_CREATED_BY } from '../calico/labels.ts';
import { DEFAULT_TIER_ORDER } from '../calico/tiers.ts';
import { readActions } from './actions.ts';
import { fieldsOf, listOf, textOf, type KubernetesObject } from './object.ts';
import type { FelixConfigurationInfo, ForeignPolicyInfo, HostEndpointInfo, TierInfo } from './types.ts';
import { FieldReader, isLinkLocal, type Reading } from './unreadable.ts';

/** The CIDR of an IPPool. Empty for a pool that gives no addresses to pods but serves tunnels or Services. */
export function readIPPool(object: KubernetesObject): Reading<readonly string[]> {
  const { cidr, allowedUses } = fieldsOf(object['spec']);
  const fields = new FieldReader('IPPool', object);
  const uses = listOf(allowedUses);
  const isForPods = uses.length === 0 || uses.includes('Workload');
  return fields.reading(isForPods ? fields.cidr(cidr, 'spec.cidr') : []);
}

export function readHostEndpoint({ metadata, spec }: KubernetesObject): HostEndpointInfo {
  const { node, interfaceName, expectedIPs } = fieldsOf(spec);
  const labels = metadata.labels ?? {};
  return {
    name: metadata.name,
    node: textOf(node),
    labels,
    ...(typeof interfaceName === 'string' && interfaceName !== '' && { interfaceName }),
    automatic: labels[LABEL_CREATED_BY] === KUBE_CONTROLLERS,
    ...(listOf(expectedIPs).length > 0 && { hasAddresses: true }),
  };
}

/** An absent defaultAction is Deny (Calico's Tier API). */
export function readTier({ metadata, spec }: KubernetesObject): TierInfo {
  const { order, defaultAction } = fieldsOf(spec);
  return {
    name: metadata.name,
    order: typeof order === 'number' ? order : DEFAULT_TIER_ORDER,
    defaultAction: defaultAction === undefined ? 'Deny' : textOf(defaultAction),
  };
}

export function readGlobalNetworkPolicy({ metadata, spec }: KubernetesObject): ForeignPolicyInfo {
  const { selector, namespaceSelector, ingress, egress, preDNAT, doNotTrack } = fieldsOf(spec);
  const rules = [...listOf(ingress), ...listOf(egress)].map(fieldsOf);
  const ends = rules.flatMap(({ source, destination }) => {
    return [source, destination].flatMap((end) => readEnd(fieldsOf(end)));
  });
  return {
    name: metadata.name,
    ...readActions(spec),
    isForHostsAlone: preDNAT === true || doNotTrack === true,
    ...(rules.some(hasIcmpCode) && { hasIcmpCode: true as const }),
    selector: textOf(selector),
    namespaceSelector: textOf(namespaceSelector),
    ends,
  };
}

function hasIcmpCode({ icmp, notICMP }: ReturnType<typeof fieldsOf>): boolean {
  return [icmp, notICMP].some((each) => {
    const { type, code } = fieldsOf(each);
    return type !== undefined && code !== undefined;
  });
}

/** Empty for an end without a selector. */
function readEnd({ selector, notSelector, namespaceSelector }: ReturnType<typeof fieldsOf>) {
  const end = {
    selector: textOf(selector),
    notSelector: textOf(notSelector),
    namespaceSelector: textOf(namespaceSelector),
  };
  return Object.values(end).every((text) => text === '') ? [] : [end];
}

export function readFelixConfiguration(object: KubernetesObject): Reading<FelixConfigurationInfo> {
  const fields = fieldsOf(object['spec']);
  const reader = new FieldReader('FelixConfiguration', object);
  const { failsafeInboundHostPorts, defaultEndpointToHostAction, bpfEnabled } = fields;
  const { logActionRateLimit } = fields;
  const { nftablesMode, iptablesFilterAllowAction, disableConntrackInvalidCheck } = fields;
  const [vxlanPort] = reader.port(fields['vxlanPort'], 'spec.vxlanPort');
  const wireguardPorts = ['wireguardListeningPort', 'wireguardListeningPortV6'].flatMap((field) =>
    reader.port(fields[field], `spec.${field}`),
  );
  return reader.reading({
    name: object.metadata.name,
    ...(Array.isArray(failsafeInboundHostPorts) && {
      failsafeInbound: failsafeInboundHostPorts.flatMap(readFailsafe),
    }),
    ...(typeof defaultEndpointToHostAction === 'string' && {
      endpointToHostAction: defaultEndpointToHostAction,
    }),
    ...(typeof bpfEnabled === 'boolean' && { bpfEnabled }),
    ...(typeof nftablesMode === 'string' && { nftablesMode }),
    ...(typeof iptablesFilterAllowAction === 'string' && { iptablesFilterAllowAction }),
    ...(typeof disableConntrackInvalidCheck === 'boolean' && { disableConntrackInvalidCheck }),
    ...(vxlanPort !== undefined && { vxlanPort }),
    ...(typeof logActionRateLimit === 'string' && logActionRateLimit !== '' && { logActionRateLimit }),
    ...(wireguardPorts.length > 0 && { wireguardPorts }),
  });
}

function readFailsafe(value: unknown): NonNullable<FelixConfigurationInfo['failsafeInbound']> {
  const { protocol, port, net } = fieldsOf(value);
  if (typeof port !== 'number') return [];
  return [
    {
      protocol: (textOf(protocol) || 'TCP').toUpperCase(),
      port,
      ...(typeof net === 'string' && net !== '' && { net }),
    },
  ];
}

/**
 * The address of a BGPPeer, without its optional port. Empty for a peer that selects nodes instead, and for a
 * link-local address, because no packet filter could match its zone.
 */
export function readBGPPeer(object: KubernetesObject): Reading<readonly string[]> {
  const fields = new FieldReader('BGPPeer', object);
  const peerIP = fieldsOf(object['spec'])['peerIP'] ?? '';
  if (typeof peerIP !== 'string') return fields.reading(fields.address(peerIP, 'spec.peerIP'));
  const [, bracketed] = /^\[([^\]]+)\](?::\d+)?$/.exec(peerIP) ?? [];
  const [, plain] = /^([^:]+):\d+$/.exec(peerIP) ?? [];
  const address = bracketed ?? plain ?? peerIP;
  return fields.reading(address === '' || isLinkLocal(address) ? [] : fields.address(address, 'spec.peerIP'));
}

/** True if a KubeControllersConfiguration makes a `*` host endpoint for every node. */
export function makesHostEndpoints({ metadata, spec }: KubernetesObject): boolean {
  const { node } = fieldsOf(fieldsOf(spec)['controllers']);
  const { autoCreate, createDefaultHostEndpoint } = fieldsOf(fieldsOf(node)['hostEndpoint']);
  return metadata.name === 'default' && autoCreate === 'Enabled' && createDefaultHostEndpoint !== 'Disabled';
}
