/** Reads other people's Calico objects, if they affect nodes and their host endpoints. */
import { LABEL_CREATED_BY } from '../calico/labels.ts';
import { fieldsOf, listOf, textOf, type KubernetesObject } from './object.ts';
import type { FelixConfigurationInfo, ForeignPolicyInfo, HostEndpointInfo } from './types.ts';

/** The value of LABEL_CREATED_BY (kube-controllers/pkg/controllers/node/hostendpoints.go). */
const KUBE_CONTROLLERS = 'calico-kube-controllers';

/** The CIDR of an IPPool. Empty for a pool that gives no addresses to pods but serves tunnels or Services. */
export function readIPPool({ spec }: KubernetesObject): readonly string[] {
  const { cidr, allowedUses } = fieldsOf(spec);
  const uses = listOf(allowedUses);
  if (typeof cidr !== 'string') return [];
  return uses.length === 0 || uses.includes('Workload') ? [cidr] : [];
}

export function readHostEndpoint({ metadata, spec }: KubernetesObject): HostEndpointInfo {
  const { node, interfaceName } = fieldsOf(spec);
  const labels = metadata.labels ?? {};
  return {
    name: metadata.name,
    node: textOf(node),
    labels,
    ...(typeof interfaceName === 'string' && interfaceName !== '' && { interfaceName }),
    automatic: labels[LABEL_CREATED_BY] === KUBE_CONTROLLERS,
  };
}

export function readGlobalNetworkPolicy({ metadata, spec }: KubernetesObject): ForeignPolicyInfo {
  const { selector, namespaceSelector, ingress, egress } = fieldsOf(spec);
  const ends = [...listOf(ingress), ...listOf(egress)].flatMap((rule) => {
    const { source, destination } = fieldsOf(rule);
    return [source, destination].flatMap((end) => readEnd(fieldsOf(end)));
  });
  return {
    name: metadata.name,
    selector: textOf(selector),
    namespaceSelector: textOf(namespaceSelector),
    ends,
  };
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

export function readFelixConfiguration({ metadata, spec }: KubernetesObject): FelixConfigurationInfo {
  const fields = fieldsOf(spec);
  const { failsafeInboundHostPorts, defaultEndpointToHostAction, bpfEnabled, vxlanPort } = fields;
  const { nftablesMode, iptablesFilterAllowAction, disableConntrackInvalidCheck } = fields;
  const wireguardPorts = [fields['wireguardListeningPort'], fields['wireguardListeningPortV6']].filter(
    (port) => typeof port === 'number',
  );
  return {
    name: metadata.name,
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
    ...(typeof vxlanPort === 'number' && { vxlanPort }),
    ...(wireguardPorts.length > 0 && { wireguardPorts }),
  };
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

/** The address of a BGPPeer, without its optional port. Empty for a peer that selects nodes instead. */
export function readBGPPeer({ spec }: KubernetesObject): readonly string[] {
  const address = textOf(fieldsOf(spec)['peerIP']);
  const [, bracketed] = /^\[(.+)\](?::\d+)?$/.exec(address) ?? [];
  const [, plain] = /^([^:]+):\d+$/.exec(address) ?? [];
  return address === '' ? [] : [bracketed ?? plain ?? address];
}

/** True if a KubeControllersConfiguration makes a `*` host endpoint for every node. */
export function makesHostEndpoints({ metadata, spec }: KubernetesObject): boolean {
  const { node } = fieldsOf(fieldsOf(spec)['controllers']);
  const { autoCreate, createDefaultHostEndpoint } = fieldsOf(fieldsOf(node)['hostEndpoint']);
  return metadata.name === 'default' && autoCreate === 'Enabled' && createDefaultHostEndpoint !== 'Disabled';
}
