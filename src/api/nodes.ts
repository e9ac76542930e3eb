/** `spec.nodes`: who may reach what on the nodes themselves. What it becomes: src/compiler/nodes/. */
import * as z from 'zod';
import { parsePort } from '../net/ports.ts';
import { SERVICES } from '../net/services.ts';
import { namedList, nonEmpty, oneKey, stringSet } from './shapes.ts';
import { cidrString, dnsLabel, ipBlock, labelSelector, nonEmptyLabelSelector, portList } from './values.ts';

const name = (what: string) =>
  dnsLabel.meta({ description: `Name of the ${what}: a DNS label, unique in its list.` });

const peer = dnsLabel.meta({ description: 'Name of an entry of spec.peers.' });

/** Peers alone: what has to be named to be trusted. */
const peerOnly = z.strictObject({ peer });

const numberedPorts = (what: string) =>
  portList
    .superRefine((ports, context) => {
      for (const [index, port] of ports.entries()) {
        if (!isNumbered(port)) {
          context.addIssue({
            code: 'custom',
            path: [index],
            message: `"${String(port)}" has no meaning on a node: write a number or a range, with an optional /TCP, /UDP or /SCTP`,
          });
        }
      }
    })
    .meta({ description: what });

/** What is not a port at all is said elsewhere. */
function isNumbered(port: string | number): boolean {
  try {
    return parsePort(port).kind === 'range';
  } catch {
    return true;
  }
}

export const nodePorts = numberedPorts(
  'NodePorts through which the sources reach these pods, as the Service has them: 30080, 30080/UDP. Opens them at the nodes for the sources of the rule, and at the pods for nodes too, since what enters through another node comes from its address. Only with spec.nodes.',
);
export const hostPorts = numberedPorts(
  'hostPorts of these pods: opens them at the nodes for the sources of the rule. Only with spec.nodes.',
);

const zoneSource = oneKey(
  z.strictObject({
    peer: peer.optional(),
    ipBlock: ipBlock.optional(),
    entity: z
      .enum(['World', 'Pods', 'Nodes', 'ControlPlane'])
      .meta({
        description:
          "World: no pod's and no node's address. Pods: every pod. Nodes: every node's own and tunnel addresses, and nodeCIDRs. ControlPlane: nodes labelled as control plane, the API server's endpoints, and nodes.controlPlane.",
      })
      .optional(),
  }),
).meta({
  description:
    'A source: exactly one of peer, ipBlock, entity. Addresses never mean pods or nodes, which have their own names.',
});

const zone = z.strictObject({
  name: name('zone'),
  from: z.array(zoneSource).min(1).max(64).meta({
    description: 'Who is in the zone. Never empty. A source in several zones may do what any of them allows.',
  }),
  allow: nonEmpty(
    z.strictObject({
      all: z
        .literal(true)
        .meta({ description: 'Everything on these nodes, over every protocol.' })
        .optional(),
      services: stringSet(dnsLabel, { min: 1, max: 64 })
        .meta({
          description: `Services by name: an entry of nodes.services, or one of ${Object.keys(SERVICES).join(', ')}.`,
        })
        .optional(),
      ports: numberedPorts('Ports by number: 9100, 30000-32767, 514/UDP.').optional(),
    }),
  )
    .superRefine((allow, context) => {
      if (allow.all === undefined || (allow.services === undefined && allow.ports === undefined)) return;
      context.addIssue({ code: 'custom', message: 'all stands alone: drop services and ports, or drop all' });
    })
    .meta({ description: 'What the zone may reach on nodes. Never empty.' }),
  nodeSelector: nonEmptyLabelSelector
    .meta({ description: 'Only on nodes with these labels; absent = on every node of spec.nodes.' })
    .optional(),
});

const service = z.strictObject({
  name: name('service'),
  ports: numberedPorts('Its ports: 5000, 5000/UDP.'),
  override: z
    .literal(true)
    .meta({
      description:
        'Said where the name is a built-in one, whose ports are replaced everywhere, baseline included.',
    })
    .optional(),
});

const blockedSource = oneKey(z.strictObject({ peer: peer.optional(), ipBlock: ipBlock.optional() })).meta({
  description: 'Addresses: exactly one of peer, which must have cidrs, and ipBlock.',
});

const atomicList = { 'x-kubernetes-list-type': 'atomic' } as const;

export const nodes = z
  .strictObject({
    mode: z.enum(['Enforce', 'Observe', 'Disabled']).meta({
      description:
        'Enforce: what nothing allows is dropped at the nodes. Observe: it passes, and is counted. Disabled: nodes are left alone; say so before nodes is taken out of the spec.',
    }),
    nodeSelector: labelSelector
      .meta({ description: 'Which nodes, for a canary; {} or absent = every node.' })
      .optional(),
    hostEndpoints: z
      .enum(['Auto', 'Managed'])
      .meta({
        description:
          "Auto (the default): Calico's automatic host endpoints where they are switched on, else our own. Managed: our own; refused while the automatic ones are on.",
      })
      .optional(),
    nodeCIDRs: stringSet(cidrString, { min: 1, max: 64 })
      .meta({
        description:
          'Where nodes live or will live: a machine that joins is a node before it has a Node object.',
      })
      .optional(),
    destinations: z
      .enum(['Known', 'All'])
      .meta({
        description:
          "What is judged beside the nodes' own services. Known (the default): the addresses of nodes and extraAddresses, the NodePort range and declared hostPorts on any address. All: whatever is not bound for a pod.",
      })
      .optional(),
    extraAddresses: stringSet(cidrString, { min: 1, max: 256 })
      .meta({
        description: 'Further addresses of nodes, as CIDRs: virtual ones, second interfaces, load balancers.',
      })
      .optional(),
    controlPlane: z
      .array(peerOnly)
      .max(16)
      .meta({
        ...atomicList,
        description:
          "Peers that are the control plane beside labelled nodes and the API server's endpoints: a managed one, konnectivity.",
      })
      .optional(),
    failsafes: z
      .enum(['Report', 'Managed'])
      .meta({
        description:
          'Report (the default): ports that Felix keeps open whatever rules say are named in condition FailsafesOpen. Managed: they are narrowed to breakGlass and nodeCIDRs.',
      })
      .optional(),
    breakGlass: z
      .array(peerOnly)
      .min(1)
      .max(16)
      .meta({
        ...atomicList,
        description: 'Peers that always reach ssh and the API server. Required by failsafes: Managed.',
      })
      .optional(),
    baseline: z
      .strictObject({
        disable: stringSet(dnsLabel, { min: 1, max: 32 }).meta({
          description: 'Built-in entries to switch off, as `clusterfirewall baseline` names them.',
        }),
      })
      .meta({ description: 'What a cluster needs to live is open unless it is switched off here.' })
      .optional(),
    services: namedList(service, 100).meta({ description: 'Services for the zones, by name.' }).optional(),
    blocked: z
      .array(blockedSource)
      .min(1)
      .max(64)
      .meta({
        ...atomicList,
        description:
          'Sources that reach nothing on any node, before all others but breakGlass. Addresses never mean pods or nodes.',
      })
      .optional(),
    zones: namedList(zone, 100)
      .meta({ description: 'Sources, and what they may reach on nodes. What no zone allows stays closed.' })
      .optional(),
    acceptForeign: stringSet(z.string().max(320), { min: 1, max: 64 })
      .meta({
        description:
          'Objects of others that select hosts and are known to be meant, as NodesEnforced names them: GlobalNetworkPolicy/NAME, HostEndpoint/NAME.',
      })
      .optional(),
  })
  .superRefine((value, context) => {
    if (value.failsafes !== 'Managed') return;
    const issue = (field: string, message: string) => {
      context.addIssue({ code: 'custom', path: [field], message });
    };
    if (value.breakGlass === undefined)
      issue(
        'breakGlass',
        'is required with failsafes: Managed: name the peers that always reach ssh and the API server',
      );
    if (value.nodeCIDRs === undefined)
      issue(
        'nodeCIDRs',
        'is required with failsafes: Managed: say where nodes live, so that one that joins reaches the control plane',
      );
  })
  .meta({
    description: 'The firewall of the nodes themselves. Absent: nodes are left alone.',
    'x-kubernetes-validations': [
      {
        rule: "!has(self.failsafes) || self.failsafes != 'Managed' || (has(self.breakGlass) && has(self.nodeCIDRs))",
        message: 'failsafes: Managed requires breakGlass and nodeCIDRs',
      },
    ],
  });

export type Nodes = z.infer<typeof nodes>;
export type Zone = z.infer<typeof zone>;
