/** `spec.nodes`: who may reach which ports on the nodes themselves. src/compiler/nodes/ compiles it. */
import * as z from 'zod';
import { containsCidr } from '../net/cidr.ts';
import { parsePort, type Port } from '../net/ports.ts';
import { parseProtocol, PROTOCOL_PATTERN, ProtocolError } from '../net/protocols.ts';
import { SERVICES } from '../net/services.ts';
import { type CrdMeta, namedList, nonEmpty, oneKey, stringSet } from './shapes.ts';
import {
  cidrOf,
  cidrString,
  dnsLabel,
  ipBlock,
  labelSelector,
  machinesCidr,
  nonEmptyLabelSelector,
  portList,
} from './values.ts';

const name = (what: string) =>
  dnsLabel.meta({ description: `Name of the ${what}: a DNS label, unique in its list.` });

const peer = dnsLabel.meta({ description: 'Name of an entry in spec.peers.' });

/** Peers only, because a trusted source must have a name. */
const peerOnly = z.strictObject({ peer });

const NUMBERED: ReadonlySet<Port['kind']> = new Set(['range']);
const NUMBERED_OR_ICMP: ReadonlySet<Port['kind']> = new Set(['range', 'icmp']);

const numberedPorts = (what: string, kinds = NUMBERED) =>
  portList
    .superRefine((ports, context) => {
      for (const [index, port] of ports.entries()) {
        if (!isOneOf(kinds, port)) {
          context.addIssue({
            code: 'custom',
            path: [index],
            message: `"${String(port)}" has no meaning on a node: ${numbersFor(String(port))}`,
          });
        }
      }
    })
    .meta({ description: what });

function numbersFor(port: string): string {
  if (port === 'ICMP')
    return 'ICMP reaches nodes by the entries icmp and icmpv6 of the baseline, so list only ports';
  if (port === 'All')
    return 'write the numbers that are meant; a zone that opens everything says allow: { all: true }';
  const [service = ''] = port.split('/');
  const named = Object.hasOwn(SERVICES, service) ? `; a zone opens it as services: [${service}]` : '';
  return `write a number or a range, with an optional /TCP, /UDP or /SCTP${named}`;
}

/** A text that is no port at all is reported elsewhere. */
function isOneOf(kinds: ReadonlySet<Port['kind']>, port: string | number): boolean {
  try {
    return kinds.has(parsePort(port).kind);
  } catch {
    return true;
  }
}

const protocol = z
  .union([z.number(), z.string()], {
    error: 'must be an IP protocol: a number, or a name such as vrrp',
  })
  .superRefine((value, context) => {
    try {
      parseProtocol(value);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
    }
  })
  .meta({
    'x-kubernetes-int-or-string': true,
    minimum: 1,
    maximum: 255,
    maxLength: 16,
    pattern: PROTOCOL_PATTERN,
  } satisfies CrdMeta);

const protocols = z
  .array(protocol)
  .min(1)
  .max(32)
  .meta({
    ...({ 'x-kubernetes-list-type': 'atomic' } as const),
    description: 'IP protocols without ports, by number or by a name of IANA: vrrp, gre, 47.',
  });

const nodePorts = numberedPorts(
  'NodePorts of the Service through which the sources reach these pods: 30080, 30080/UDP. The rule opens them at the nodes for its sources. It also opens the pods to nodes, because traffic through another node comes from the address of that node. Only with spec.nodes.',
);
const hostPorts = numberedPorts(
  'hostPorts of these pods. The rule opens them at the nodes for its sources. Only with spec.nodes.',
);

const openAt = z
  .strictObject({
    // Without CEL, whose cost would be counted for every rule.
    nodeSelector: nonEmpty(labelSelector).meta({ description: 'Labels of these nodes. Never empty.' }),
  })
  .meta({
    description:
      'The nodes at which nodePorts and hostPorts are open; absent = every node. Pods let in these nodes alone.',
  });

/** The fields of ingress rules that concern nodes. */
export const atNodes = {
  nodePorts: nodePorts.optional(),
  hostPorts: hostPorts.optional(),
  openAt: openAt.optional(),
};

/** A refinement of the rules that have these fields. */
export function openAtNeedsPorts(
  rule: { readonly openAt?: unknown; readonly nodePorts?: unknown; readonly hostPorts?: unknown },
  context: z.core.$RefinementCtx,
): void {
  if (rule.openAt === undefined || rule.nodePorts !== undefined || rule.hostPorts !== undefined) return;
  context.addIssue({
    code: 'custom',
    path: ['openAt'],
    message: 'says where nodePorts and hostPorts are open, and the rule has neither: add the ports',
  });
}

const zoneSource = oneKey(
  z.strictObject({
    peer: peer.optional(),
    ipBlock: ipBlock.optional(),
    entity: z
      .enum(['Everyone', 'World', 'Internet', 'Pods', 'Nodes', 'ControlPlane'])
      .meta({
        description:
          "Everyone: every source. World: addresses of no pod and no node. Internet: the public ones among them. Pods: every pod. Nodes: the own and tunnel addresses of every node that has a Node object. ControlPlane: nodes labelled as control plane, the API server's endpoints, and nodes.controlPlane.",
      })
      .optional(),
  }),
).meta({
  description:
    'A source, as exactly one of peer, ipBlock and entity. Addresses never mean pods or nodes: name those as entities.',
});

const serviceNames = stringSet(dnsLabel, { min: 1, max: 64 }).meta({
  description: `Names of services in nodes.services, or of built-in ones: \`${Object.keys(SERVICES).join(', ')}\`.`,
});
const zonePorts = numberedPorts('Numbers of ports: 9100, 30000-32767, 514/UDP; or ICMP.', NUMBERED_OR_ICMP);

const traffic = {
  services: serviceNames.optional(),
  ports: zonePorts.optional(),
  protocols: protocols.optional(),
};

const allow = nonEmpty(
  z.strictObject({
    all: z.literal(true).meta({ description: 'Everything on these nodes, over every protocol.' }).optional(),
    allBut: nonEmpty(z.strictObject(traffic))
      .meta({
        description:
          'Everything on these nodes but this. A built-in service means its own ports and those of the cluster. Never empty.',
      })
      .optional(),
    ...traffic,
  }),
)
  .superRefine((value, context) => {
    const isList = [value.services, value.ports, value.protocols].some((each) => each !== undefined);
    const given = [value.all !== undefined, value.allBut !== undefined, isList];
    if (given.filter(Boolean).length < 2) return;
    context.addIssue({
      code: 'custom',
      message:
        'must be exactly one of all, allBut, and lists (services, ports, protocols): list only the traffic that is meant, because all is everything',
    });
  })
  .meta({
    description:
      'Traffic to nodes that the zone allows: exactly one of all, allBut, and lists (services, ports, protocols). Never empty.',
  });

const zone = z.strictObject({
  name: name('zone'),
  from: z.array(zoneSource).min(1).max(64).meta({
    description:
      'The sources in the zone. Never empty. A source in several zones may do what any of them allows.',
  }),
  allow,
  addresses: stringSet(cidrString, { min: 1, max: 64 })
    .meta({
      description: 'Addresses of nodes at which the zone allows it, as CIDRs; absent = every address.',
    })
    .optional(),
  nodeSelector: nonEmptyLabelSelector
    .meta({ description: 'Labels of the nodes that the zone covers; absent = every node of spec.nodes.' })
    .optional(),
});

const service = z.strictObject({
  name: name('service'),
  ports: numberedPorts('Ports of the service: 5000, 5000/UDP.'),
  override: z
    .literal(true)
    .meta({
      description:
        'Required when the name is a built-in one. It replaces the ports of the built-in service everywhere, baseline included.',
    })
    .optional(),
});

const blockedSource = oneKey(z.strictObject({ peer: peer.optional(), ipBlock: ipBlock.optional() })).meta({
  description: 'Addresses, as exactly one of ipBlock and peer, which must have cidrs.',
});

const atomicList = { 'x-kubernetes-list-type': 'atomic' } as const;

export const nodes = z
  .strictObject({
    mode: z.enum(['Enforce', 'Observe', 'Disabled']).meta({
      description:
        'Enforce drops traffic to nodes that nothing allows. Observe lets it pass and counts it. Disabled leaves nodes alone; set it before you remove nodes from the spec.',
    }),
    nodeSelector: nonEmptyLabelSelector
      .meta({ description: 'Labels of the nodes to protect, for a canary; absent = every node.' })
      .optional(),
    hostEndpoints: z
      .enum(['Auto', 'Managed'])
      .meta({
        description:
          "Auto (the default) uses Calico's automatic host endpoints if they are on, and otherwise creates its own. Managed always creates its own, and is refused while the automatic ones are on.",
      })
      .optional(),
    nodeCIDRs: stringSet(machinesCidr, { max: 64 })
      .meta({
        ...atomicList,
        description:
          "Ranges of machines that may join. They reach what joining needs and nothing else: the API server, BGP, Typha, the overlay, and a distribution's own port for joining. They are no Nodes until they have a Node object. May be empty. failsafes: Managed requires it, and keeps the first three ports open to these ranges.",
      })
      .optional(),
    nodeCIDRsExcept: stringSet(cidrString, { min: 1, max: 64 })
      .meta({ description: 'Parts of nodeCIDRs in which no machine joins.' })
      .optional(),
    destinations: z
      .enum(['Known', 'All'])
      .meta({
        description:
          "Destinations to protect in addition to the nodes' own services. Known (the default): the addresses of nodes and extraAddresses, and the NodePort range and declared hostPorts on any address. All: all traffic that is not for a pod.",
      })
      .optional(),
    extraAddresses: stringSet(machinesCidr, { min: 1, max: 256 })
      .meta({
        description:
          'More addresses of nodes, as CIDRs: virtual ones, second interfaces, load balancers. They share no address with pods (IPPools, podCIDRs of Nodes) and Services.',
      })
      .optional(),
    controlPlane: z
      .array(peerOnly)
      .max(16)
      .meta({
        ...atomicList,
        description:
          "Peers that belong to the control plane in addition to labelled nodes and the API server's endpoints: a managed control plane, konnectivity.",
      })
      .optional(),
    etcd: z
      .array(peerOnly)
      .max(16)
      .meta({
        ...atomicList,
        description:
          'Peers with cidrs that are members of etcd, in addition to nodes with the role etcd, control-plane or master. With failsafes: Managed, name a machine here before it joins as a member or as control plane.',
      })
      .optional(),
    failsafes: z
      .enum(['Report', 'Managed'])
      .meta({
        description:
          'Felix keeps some ports open whatever rules say. Report (the default) names them in the condition FailsafesOpen. Managed narrows them to breakGlass and nodeCIDRs.',
      })
      .optional(),
    breakGlass: z
      .array(peerOnly)
      .min(1)
      .max(16)
      .meta({
        ...atomicList,
        description:
          'Peers that always reach breakGlassServices, even where they are blocked. failsafes: Managed requires them.',
      })
      .optional(),
    breakGlassServices: stringSet(dnsLabel, { min: 1, max: 16 })
      .meta({ description: 'Services that breakGlass reaches. The default is ssh and kube-apiserver.' })
      .optional(),
    log: z
      .enum(['None', 'Refused'])
      .meta({
        description:
          'Refused: each node writes packets that no rule lets in to its kernel log, in Observe too. Set logActionRateLimit in FelixConfiguration default first. None is the default.',
      })
      .optional(),
    baseline: z
      .strictObject({
        disable: stringSet(dnsLabel, { min: 1, max: 32 }).meta({
          description: 'Names of built-in entries to switch off; `clusterfirewall baseline` lists them.',
        }),
      })
      .meta({
        description: 'The traffic that a cluster needs to work. It is open unless it is switched off here.',
      })
      .optional(),
    services: namedList(service, 100).meta({ description: 'Services that zones may name.' }).optional(),
    blocked: z
      .array(blockedSource)
      .min(1)
      .max(64)
      .meta({
        ...atomicList,
        description:
          'Sources that reach nothing on any node. Only breakGlass comes before them. Addresses never mean pods or nodes.',
      })
      .optional(),
    zones: namedList(zone, 100)
      .meta({ description: 'Sources and what they may reach on nodes. Everything else stays closed.' })
      .optional(),
  })
  .superRefine((value, context) => {
    const ranges = (value.nodeCIDRs ?? []).map(cidrOf);
    for (const [index, text] of (value.nodeCIDRsExcept ?? []).entries()) {
      const except = cidrOf(text);
      if (except === undefined || ranges.some((range) => range === undefined || containsCidr(range, except)))
        continue;
      context.addIssue({
        code: 'custom',
        path: ['nodeCIDRsExcept', index],
        message: `${text} is not inside an entry of nodeCIDRs, so it leaves nothing out: give a part of one`,
      });
    }
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
        'is required with failsafes: Managed: say where machines join, so that they reach the control plane, or write [] where none does',
      );
  })
  .meta({
    description: 'The firewall of the nodes themselves. Absent: the operator leaves nodes alone.',
    'x-kubernetes-validations': [
      {
        rule: "!has(self.failsafes) || self.failsafes != 'Managed' || (has(self.breakGlass) && has(self.nodeCIDRs))",
        message: 'failsafes: Managed requires breakGlass and nodeCIDRs',
      },
    ],
  });

export type Nodes = z.infer<typeof nodes>;
export type Zone = z.infer<typeof zone>;
