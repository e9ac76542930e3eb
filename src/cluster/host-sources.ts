/** What of other people's Calico objects meets nodes and their host endpoints, as plain data. */
import { isRecord } from '../json.ts';
import type { KubernetesObject } from './resource.ts';

/** Calico's kube-controllers put it on the host endpoints that they make (kube-controllers/pkg/controllers/node/hostendpoints.go). */
const LABEL_CREATED_BY = 'projectcalico.org/created-by';
const KUBE_CONTROLLERS = 'calico-kube-controllers';

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> => (isRecord(value) ? value : {});
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** A HostEndpoint, ours or not. */
export function readHostEndpoint({ metadata, spec }: KubernetesObject) {
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

/** A GlobalNetworkPolicy: what it selects, and what each end of each rule does. */
export function readGlobalPolicy({ metadata, spec }: KubernetesObject) {
  const { selector, namespaceSelector, ingress, egress } = fieldsOf(spec);
  const ends = [...listOf(ingress), ...listOf(egress)].flatMap((rule) => {
    const { source, destination } = fieldsOf(rule);
    return [source, destination].flatMap((end) => endOf(fieldsOf(end)));
  });
  return {
    name: metadata.name,
    selector: textOf(selector),
    namespaceSelector: textOf(namespaceSelector),
    ends,
  };
}

/** Nothing where it names no endpoints. */
function endOf({ selector, notSelector, namespaceSelector }: Readonly<Record<string, unknown>>) {
  const end = {
    selector: textOf(selector),
    notSelector: textOf(notSelector),
    namespaceSelector: textOf(namespaceSelector),
  };
  return Object.values(end).every((text) => text === '') ? [] : [end];
}

/** A FelixConfiguration; fields that are not set there are absent. */
export function readFelixConfiguration({ metadata, spec }: KubernetesObject) {
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

function readFailsafe(value: unknown) {
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

/** The address of a BGPPeer, without the port it may have; none where it selects nodes instead. */
export function readBgpPeer({ spec }: KubernetesObject): readonly string[] {
  const address = textOf(fieldsOf(spec)['peerIP']);
  const [, bracketed] = /^\[(.+)\](?::\d+)?$/.exec(address) ?? [];
  const [, plain] = /^([^:]+):\d+$/.exec(address) ?? [];
  return address === '' ? [] : [bracketed ?? plain ?? address];
}

/** Whether a KubeControllersConfiguration has `*` host endpoints made for every node. */
export function makesHostEndpoints({ metadata, spec }: KubernetesObject): boolean {
  const { node } = fieldsOf(fieldsOf(spec)['controllers']);
  const { autoCreate, createDefaultHostEndpoint } = fieldsOf(fieldsOf(node)['hostEndpoint']);
  return metadata.name === 'default' && autoCreate === 'Enabled' && createDefaultHostEndpoint !== 'Disabled';
}
