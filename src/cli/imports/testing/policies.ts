/** A small cluster under policies, and under what an import makes of them: every class of packets, by the simulator. */
import type { Spec } from '../../../api/schema.ts';
import { compile } from '../../../compiler/compile.ts';
import { withTypes } from '../../../importing/policies/read.ts';
import type { Inventory } from '../../../inventory/types.ts';
import { difference, type Change } from '../../../questions/diff.ts';
import { Provenance } from '../../../questions/provenance.ts';
import { enforced } from '../../../questions/world.ts';
import { familyOf } from '../../../simulator/packet.ts';
import { Prepared } from '../../../simulator/prepared.ts';
import { readWorld } from '../../../simulator/snapshot.ts';
import { walk } from '../../../simulator/walk.ts';
import { machines } from './machines.ts';

interface PlainPod {
  /** `namespace/name`. */
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ports?: Readonly<Record<string, number>>;
  readonly serviceAccount?: string;
}

export interface PlainCluster {
  /** Labels of each namespace. */
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly pods: readonly PlainPod[];
}

const NODES = ['10.99.0.11', '10.99.0.12'].map((address, index) => ({
  name: `w${String(index + 1)}`,
  labels: {},
  addresses: [address, `fd00:99::${String(index + 1)}`],
}));
const POOLS = ['10.244.0.0/16', 'fd00:244::/48'];

export const POLICY_FLAGS = ['--pods', POOLS.join(), '--nodes', '10.99.0.0/24,fd00:99::/64'];

/** The DNS server is in every cluster. */
const DNS: PlainPod = { name: 'kube-system/coredns', labels: { 'k8s-app': 'kube-dns' } };

function surroundings({ namespaces, pods }: PlainCluster): readonly object[] {
  const v1 = { apiVersion: 'v1' };
  return [
    ...Object.entries({ 'kube-system': {}, ...namespaces }).map(([name, labels]) => ({
      ...v1,
      kind: 'Namespace',
      metadata: { name, labels: { 'kubernetes.io/metadata.name': name, ...labels } },
    })),
    ...machines(NODES, POOLS),
    ...[DNS, ...pods].map(({ name, labels = {}, ports = {}, serviceAccount = 'default' }, index) => ({
      ...v1,
      kind: 'Pod',
      metadata: { namespace: namespaceOf(name), name: name.replace(/^.*\//, ''), labels },
      spec: {
        nodeName: NODES[index % NODES.length]?.name,
        serviceAccountName: serviceAccount,
        containers: [
          {
            ports: Object.entries(ports).map(([portName, containerPort]) => ({
              name: portName,
              containerPort,
            })),
          },
        ],
      },
      status: {
        phase: 'Running',
        podIPs: [`10.244.1.${String(index + 1)}`, `fd00:244::1:${String(index + 1)}`].map((ip) => ({ ip })),
      },
    })),
  ];
}

const namespaceOf = (pod: string): string => pod.replace(/\/.*$/, '');

const inventoryOf = ({ namespaces }: PlainCluster): Inventory => ({
  namespaces: Object.entries({ 'kube-system': {}, ...namespaces }).map(([name, labels]) => ({
    name,
    labels: { 'kubernetes.io/metadata.name': name, ...labels },
  })),
  nodes: NODES,
  apiServerEndpoints: ['10.99.0.11'],
  ipPools: POOLS,
  automaticHostEndpoints: false,
});

/** Both worlds, with everything enforced. @throws Error for what the compiler or Felix would not take */
export class Worlds {
  readonly old: Prepared;
  readonly now: Prepared;

  constructor(cluster: PlainCluster, policies: readonly unknown[], spec: Spec) {
    const around = surroundings(cluster);
    const firewall = enforced({ metadata: { name: 'default' }, spec });
    const compilation = compile([firewall], inventoryOf(cluster));
    const [problem] = compilation.problems.filter(({ severity }) => severity === 'problem');
    if (problem !== undefined) throw new Error(`${problem.path}: ${problem.message}`);
    this.old = preparedOf([...around, ...policies.map(withTypes)]);
    this.now = preparedOf([...around, ...compilation.objects.map(({ object }) => object)]);
  }

  /** Each flow that the import opens on its own account, and each that is Unknown. */
  opened(): readonly string[] {
    return this.changes()
      .filter((change) => change.kind !== 'closes' && !isDNS(change))
      .map(changeText);
  }

  /** The flows that the import opens and closes. */
  changes(): readonly Change[] {
    const nowhere = (): undefined => undefined;
    const sources = { firewalls: [], placeOfField: nowhere, placeOfObject: nowhere };
    const provenance = new Provenance(sources, []);
    return difference({ prepared: this.old, provenance }, { prepared: this.now, provenance }).changes;
  }
}

export const changeText = ({ kind, from, to, family, ports }: Change): string =>
  `${kind} ${partyName(from)} -> ${partyName(to)} IPv${String(family)} ${ports.join()}`;

const partyName = (party: Change['from']): string =>
  party.kind === 'outside' ? party.class.example : party.names.join();

/** The default of `defaults.dns.nodeLocal`. */
const CACHES = ['169.254.20.10', '169.254.25.10'];

/** Queries to the DNS server, which are open to every pod. */
const isDNS = ({ to, ports }: Change): boolean =>
  (to.kind === 'pods'
    ? to.names.every((name) => name === DNS.name)
    : to.kind === 'outside' && CACHES.includes(to.class.example)) &&
  ports.every((each) => /^53\/(?:TCP|UDP)$/.test(each));

function preparedOf(objects: readonly unknown[]): Prepared {
  const world = readWorld(objects);
  if (world.problems.length > 0) throw new Error(JSON.stringify(world.problems));
  return new Prepared(world);
}

const NUMBERS: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132, ICMP: 1, GRE: 47 };

/** @param text `END -> END PROTOCOL[/PORT]`; an end is `namespace/pod`, `node` or an address */
export function isAllowed(prepared: Prepared, text: string): boolean {
  const [, from = '', to = '', protocol = '', port = '0'] =
    /^(\S+) -> (\S+) ([A-Z]+)(?:\/(\d+))?$/.exec(text) ?? [];
  const address = (end: string): string => {
    if (!end.includes('/') && end !== 'node') return end;
    const found = end === 'node' ? prepared.node('w1')?.node.addresses[0] : prepared.pod(end)?.addresses[0];
    if (found === undefined) throw new Error(`no ${end}: ${text}`);
    return found;
  };
  const pod = prepared.pod(from);
  const at = prepared.node('w2');
  const own = prepared.node('w1');
  if (at === undefined || own === undefined) throw new Error('the cluster is incomplete');
  const origin =
    pod !== undefined
      ? ({ kind: 'pod', pod } as const)
      : from === 'node'
        ? ({ kind: 'node', node: own } as const)
        : ({ kind: 'outside', at } as const);
  const destination = address(to);
  const header = {
    family: familyOf(destination),
    protocol: NUMBERS[protocol] ?? Number.NaN,
    sourcePort: 40_000,
    port: Number(port),
    icmpType: 8,
    icmpCode: 0,
    state: 'new',
  } as const;
  const hop = { source: from === 'node' ? '' : address(from), destination, port: Number(port) };
  const outcome = walk(prepared, origin, header, hop);
  if (outcome.verdict === 'Unknown') throw new Error(JSON.stringify(outcome.decisive.decision.by));
  return outcome.verdict === 'Allowed';
}
