/** The Services of the fuzz, with endpoints written by hand. They stay for a whole run. */
import { nodeAddress, podAddress } from '../local/addresses.ts';
import type { RoundObject } from './store.ts';

interface Plan {
  readonly namespace: string;
  readonly name: string;
  /** `pod NODE INDEX`, or a node's name. */
  readonly backends: readonly { readonly node: number; readonly pod?: number }[];
  readonly port: number;
  readonly targetPort: number;
  readonly protocol: 'TCP' | 'UDP';
  readonly nodePort: number;
  readonly external?: 'Local';
  readonly internal?: 'Local';
  readonly externalIPs?: readonly string[];
}

const plan = (
  name: string,
  [port, targetPort, nodePort]: readonly [number, number, number],
  backends: Plan['backends'],
  more: Partial<Plan> = {},
): Plan => ({ namespace: 'red', protocol: 'TCP', name, port, targetPort, nodePort, backends, ...more });

const EXTERNAL = ['192.0.2.80', '2001:db8:2::80'];

/** Pods count from 1 on each node, in the order of the cast. */
export const SERVICES: readonly Plan[] = [
  plan('plain', [81, 80, 30080], [{ node: 1, pod: 1 }]),
  plan('far', [81, 80, 30081], [{ node: 2, pod: 1 }], { externalIPs: EXTERNAL }),
  plan('names', [54, 53, 30053], [{ node: 2, pod: 2 }], { protocol: 'UDP', namespace: 'green' }),
  plan('outer', [82, 443, 30082], [{ node: 2, pod: 2 }], { external: 'Local' }),
  plan('inner', [83, 8080, 30083], [{ node: 1, pod: 3 }], { internal: 'Local', namespace: 'green' }),
  plan('hosts', [84, 9100, 30084], [{ node: 2 }]),
  plan(
    'both',
    [85, 80, 30085],
    [
      { node: 1, pod: 2 },
      { node: 2, pod: 3 },
    ],
  ),
  plan('nobody', [86, 80, 30086], []),
];

/** True for a port of a Service with several backends, among which kube-proxy throws dice. */
export const isDiced = (port: number): boolean =>
  SERVICES.some(
    ({ backends, port: own, nodePort }) => backends.length > 1 && (port === own || port === nodePort),
  );

const LABEL = 'fuzz-felix/service';

/** Chosen here, so that a seed repeats every address. IPv4 first; by the name of the Service. */
export const CLUSTER_IPS: ReadonlyMap<string, readonly [string, string]> = new Map(
  SERVICES.map(({ name }, index) => [
    name,
    [`10.96.0.${String(100 + index)}`, `fd00:96::${String(100 + index)}`],
  ]),
);

export function serviceObjects(): readonly RoundObject[] {
  return SERVICES.flatMap((each) => [service(each), slice(each, 'v4'), slice(each, 'v6')]);
}

function service(each: Plan): RoundObject {
  const { name, namespace, port, targetPort, protocol, nodePort, external, internal, externalIPs } = each;
  const [clusterIP, other] = CLUSTER_IPS.get(name) ?? [];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels: { [LABEL]: name } },
    spec: {
      type: 'NodePort',
      clusterIP,
      clusterIPs: [clusterIP, other],
      ipFamilyPolicy: 'RequireDualStack',
      ipFamilies: ['IPv4', 'IPv6'],
      ports: [{ name: 'main', port, targetPort, protocol, nodePort }],
      ...(external !== undefined && { externalTrafficPolicy: external }),
      ...(internal !== undefined && { internalTrafficPolicy: internal }),
      ...(externalIPs !== undefined && { externalIPs }),
    },
  };
}

function slice(each: Plan, family: 'v4' | 'v6'): RoundObject {
  const { name, namespace, targetPort, protocol, backends } = each;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-${family}`,
      namespace,
      labels: { 'kubernetes.io/service-name': name, [LABEL]: name },
    },
    addressType: family === 'v4' ? 'IPv4' : 'IPv6',
    ports: [{ name: 'main', port: targetPort, protocol }],
    endpoints: backends.map(({ node, pod }) => ({
      addresses: [(pod === undefined ? nodeAddress(node) : podAddress(node, pod))[family]],
      conditions: { ready: true },
      nodeName: `node${String(node)}`,
    })),
  };
}
