/**
 * The ClusterFirewall API, v1alpha1. This schema is its only definition: TypeScript types, defaults,
 * validation in CLI and controller and the CustomResourceDefinition (crd.ts) all come from it.
 *
 * Conditions that an API server can check are patterns, bounds and `x-kubernetes-*` metadata. The others
 * (references, uniqueness of keys in maps, address arithmetic) are refinements, which are not part of the
 * CRD.
 */
import * as z from 'zod';
import { assertion } from './assertions.ts';
import {
  accounts,
  ceilingDestination,
  ceilingSource,
  guardrailDestination,
  guardrailSource,
  nodesKey,
  podsBySelectors,
  ruleDestination,
  ruleSource,
} from './ends.ts';
import { atNodes, nodes, openAtNeedsPorts } from './nodes.ts';
import { ATOMIC, exactlyOneOf, namedList, stringSet } from './shapes.ts';
import {
  addressString,
  checkedLabelSelector,
  cidrString,
  dnsLabel,
  foreignObject,
  labelSelector,
  nonEmptyLabelSelector,
  portList,
} from './values.ts';

export const GROUP = 'clusterfirewall.io';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;
export const KIND = 'ClusterFirewall';
export const PLURAL = 'clusterfirewalls';
/** The only firewall that may have `defaults`, `guardrails`, `nodes` and `acceptForeign`. */
export const DEFAULT_FIREWALL = 'default';
/** Exempt unless `exempt.systemNamespaces` is None. */
export const SYSTEM_NAMESPACES = [
  'calico-apiserver',
  'calico-system',
  'kube-node-lease',
  'kube-public',
  'kube-system',
  'tigera-operator',
] as const;

export const FIREWALL_NAME_PATTERN = '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$';

const name = (what: string) =>
  dnsLabel.meta({ description: `Name of the ${what}: a DNS label, unique in its list.` });

const mode = z.enum(['Enforce', 'Observe']);

const subject = (what: string) =>
  labelSelector.meta({ description: `Labels of the pods that ${what}; {} = every pod of the group.` });

const from = z
  .array(ruleSource)
  .min(1)
  .max(64)
  .meta({ description: 'Sources that may open the connection. Never empty.' });

export const ingressRule = z
  .strictObject({
    name: name('rule'),
    pods: subject('accept the connection'),
    serviceAccounts: accounts('these pods'),
    from,
    ports: portList,
    ...atNodes,
  })
  .superRefine(openAtNeedsPorts);

export const connectionRule = z.strictObject({
  name: name('rule'),
  fromPods: subject('open the connection'),
  fromServiceAccounts: accounts('fromPods'),
  toPods: subject('accept the connection, in the same namespace'),
  toServiceAccounts: accounts('toPods'),
  ports: portList,
});

export const egressRule = z.strictObject({
  name: name('rule'),
  pods: subject('open the connection'),
  serviceAccounts: accounts('these pods'),
  to: z
    .array(ruleDestination)
    .min(1)
    .max(64)
    .meta({ description: 'Destinations that they may reach. Never empty.' }),
  ports: portList,
});

export const group = exactlyOneOf(
  z.strictObject({
    name: name('group'),
    namespaces: stringSet(dnsLabel, { min: 1, max: 500 })
      .meta({ description: 'Names of namespaces. They need not exist yet.' })
      .optional(),
    namespaceSelector: nonEmptyLabelSelector
      .meta({ description: 'Labels of namespaces. Namespaces that are created later are included.' })
      .optional(),
    everyNamespace: z
      .literal(true)
      .meta({ description: 'Every namespace that is not exempt, also those that are created later.' })
      .optional(),
    mode: mode
      .meta({
        description:
          "Overrides spec.mode for this group's namespaces. Only in the ClusterFirewall called default.",
      })
      .optional(),
    isolation: z
      .enum(['Strict', 'SameNamespace'])
      .meta({
        description:
          'Strict (the default) allows only what rules say. SameNamespace also lets the pods of one namespace talk to each other.',
      })
      .optional(),
    ingress: namedList(ingressRule, 100)
      .meta({ description: 'Connections to pods of the group, from anywhere.' })
      .optional(),
    metrics: namedList(ingressRule, 100)
      .meta({ description: 'Like ingress, for scraping. A separate list, to make it easy to find.' })
      .optional(),
    connections: namedList(connectionRule, 100)
      .meta({
        description: 'Connections from pod to pod inside one namespace of the group, never between two.',
      })
      .optional(),
    egress: namedList(egressRule, 100)
      .meta({ description: 'Connections that pods of the group may open.' })
      .optional(),
  }),
  ['namespaces', 'namespaceSelector', 'everyNamespace'],
).meta({
  description:
    'Selects namespaces by exactly one of namespaces, namespaceSelector and everyNamespace. Its rules allow connections to their pods (ingress, metrics), between them (connections) and from them (egress). Everything else stays closed.',
});

export const peer = exactlyOneOf(
  z.strictObject({
    name: name('peer'),
    cidrs: stringSet(cidrString, { min: 1, max: 1000 })
      .meta({ description: 'Addresses, as CIDRs with a mask and without host bits.' })
      .optional(),
    pods: z
      .strictObject({
        namespaceSelector: checkedLabelSelector.meta({
          description: 'Labels of the namespaces; {} = every namespace.',
        }),
        podSelector: podsBySelectors(checkedLabelSelector).podSelector,
        serviceAccounts: accounts('the pods'),
      })
      .meta({ description: 'Pods, by the labels of their namespace and by their own.' })
      .optional(),
    ...nodesKey(checkedLabelSelector),
  }),
  ['cidrs', 'pods', 'nodes'],
).meta({ description: 'A named source or destination, as exactly one of cidrs, pods and nodes.' });

export const guardrail = exactlyOneOf(
  z
    .strictObject({
      name: name('guardrail'),
      pods: z
        .strictObject(podsBySelectors(checkedLabelSelector))
        .meta({ ...ATOMIC, description: 'The pods that it restricts; {} = every pod that is not exempt.' }),
      to: z
        .array(guardrailDestination)
        .min(1)
        .max(64)
        .meta({ description: 'Destinations that they never reach. Never empty.' })
        .optional(),
      from: z
        .array(guardrailSource)
        .min(1)
        .max(64)
        .meta({ description: 'Sources that never reach them. Never empty.' })
        .optional(),
      onlyTo: z
        .array(ceilingDestination)
        .min(1)
        .max(64)
        .meta({ description: 'The only destinations that they may reach on these ports. Never empty.' })
        .optional(),
      onlyFrom: z
        .array(ceilingSource)
        .min(1)
        .max(64)
        .meta({ description: 'The only sources that may reach them on these ports. Never empty.' })
        .optional(),
      defaults: z
        .enum(['Open', 'Judged'])
        .meta({
          description:
            'With onlyTo and onlyFrom: whether they also judge DNS, `podsToAPIServer` and the calls of the API server. Open is the default.',
        })
        .optional(),
      ports: portList,
    })
    .superRefine((value, context) => {
      if (value.defaults === undefined || value.onlyTo !== undefined || value.onlyFrom !== undefined) return;
      context.addIssue({
        code: 'custom',
        path: ['defaults'],
        message:
          'has a meaning with onlyTo and onlyFrom alone: to and from refuse DNS and calls of the API server wherever they name them',
      });
    }),
  ['to', 'from', 'onlyTo', 'onlyFrom'],
).meta({
  description: 'Denies connections of pods, by exactly one of to, from, onlyTo and onlyFrom.',
});

export const defaults = z.strictObject({
  deny: z
    .enum(['Both', 'Ingress', 'Egress', 'None'])
    .meta({
      description: 'The directions that are closed unless a rule opens them. Both is the default.',
    })
    .optional(),
  exempt: z
    .strictObject({
      systemNamespaces: z
        .enum(['Keep', 'None'])
        .meta({
          description:
            'Keep (the default): kube-system, kube-public, kube-node-lease, calico-system, calico-apiserver and tigera-operator are left alone. None: the firewall covers them too.',
        })
        .optional(),
      names: stringSet(dnsLabel, { max: 500 })
        .meta({ description: 'More namespaces to leave alone.' })
        .optional(),
      namespaceSelector: nonEmptyLabelSelector
        .meta({
          description:
            'Labels of more namespaces to leave alone. This is the largest right in the cluster: whoever may write such a label takes his namespace out of the default deny, and out of every guardrail. The status lists each such namespace.',
        })
        .optional(),
    })
    .meta({
      description:
        "Namespaces that the firewall leaves alone. The operator's own namespace is always exempt.",
    })
    .optional(),
  dns: z
    .strictObject({
      namespaceSelector: checkedLabelSelector
        .meta({ description: "Labels of the DNS server's namespace. The default is kube-system by name." })
        .optional(),
      podSelector: checkedLabelSelector
        .meta({ description: "Labels of the DNS server's pods. The default is k8s-app: kube-dns." })
        .optional(),
      ports: portList
        .meta({ description: 'Ports of the DNS pods. The default is 53/UDP and 53/TCP.' })
        .optional(),
      nodeLocal: stringSet(addressString, { max: 16 })
        .meta({
          description:
            'Addresses of a node-local DNS cache of its own. The default is 169.254.20.10 and 169.254.25.10; [] = there is none.',
        })
        .optional(),
    })
    .meta({
      description:
        'The DNS server that every pod under the default deny may query: its pods, the Services in front of them, and a cache on the pod’s node.',
    })
    .optional(),
  metadataAPI: z
    .strictObject({
      action: z
        .enum(['Deny', 'None'])
        .meta({ description: 'Deny (the default): no rule can open it. None: rules may open it.' })
        .optional(),
      addresses: stringSet(cidrString, { min: 1, max: 16 })
        .meta({
          description: 'Its addresses, as CIDRs. The default is 169.254.169.254/32 and fd00:ec2::254/128.',
        })
        .optional(),
      exceptNamespaces: stringSet(dnsLabel, { max: 100 })
        .meta({ description: 'Namespaces whose pods may reach it if a rule allows it.' })
        .optional(),
    })
    .meta({ description: "The cloud's metadata API, which hands out credentials of the node." })
    .optional(),
  podsToAPIServer: z
    .enum(['None', 'Allow'])
    .meta({
      description:
        'None (the default): rules say which pods reach the API server. Allow: every pod under the default deny reaches its endpoints.',
    })
    .optional(),
  apiServerToPods: z
    .enum(['Auto', 'None'])
    .meta({
      description:
        'Auto (the default): the control plane reaches the pods behind webhooks and aggregated APIs, on the ports of their Services. The operator finds them in the configurations of the cluster. None: only rules open anything.',
    })
    .optional(),
});

export const spec = z
  .strictObject({
    mode: mode.meta({
      description:
        'Enforce drops traffic that is not allowed. Observe stages the policies and drops nothing.',
    }),
    deletionPolicy: z
      .enum(['Remove', 'Retain'])
      .meta({
        description:
          'Remove (the default) deletes the generated policies together with this object. Retain keeps them.',
      })
      .optional(),
    peers: namedList(peer, 500)
      .meta({ description: 'Named sources and destinations, visible in this object only.' })
      .optional(),
    defaults: defaults
      .meta({
        ...ATOMIC,
        description: 'The default deny and what it leaves open. Only in the ClusterFirewall called default.',
      })
      .optional(),
    guardrails: namedList(guardrail, 100)
      .meta({
        description: 'Denies that no allow rule can override. Only in the ClusterFirewall called default.',
      })
      .optional(),
    namespaces: namedList(group, 500)
      .meta({ description: 'Groups of namespaces and their rules.' })
      .optional(),
    nodes: nodes.optional(),
    acceptForeign: stringSet(foreignObject, { min: 1, max: 64 })
      .meta({
        description:
          'Objects of others that may open what is closed, and that you accept, as status.foreign names them. Each is Tier/NAME, GlobalNetworkPolicy/NAME, AdminNetworkPolicy/NAME, ClusterNetworkPolicy/NAME, `BaselineAdminNetworkPolicy/default`, HostEndpoint/NAME or GlobalNetworkSet/NAME. A Tier stands for its policies on pods. Policies that select hosts, and those in the tier of the default deny, are named one by one. Only in the ClusterFirewall called default.',
      })
      .optional(),
    assertions: namedList(assertion, 200)
      .meta({
        description:
          'Flows and the verdicts that they must have. A change of the spec that would break one is held back: of this ClusterFirewall, and for those of the one called default, of every ClusterFirewall.',
      })
      .optional(),
  })
  .meta({
    // On `nodes` itself the rule would not run once the field is gone.
    'x-kubernetes-validations': [
      {
        rule: "!(has(oldSelf.nodes) && oldSelf.nodes.mode == 'Enforce') || has(self.nodes)",
        message:
          'nodes is enforced: set nodes.mode to Disabled first, so that nothing is taken away by accident',
      },
    ],
    description:
      'Who may talk to whom. With mode alone, the ClusterFirewall called default closes every namespace that is not exempt, except for DNS. The other fields say what is open.',
  });

export type Mode = z.infer<typeof mode>;
export type Spec = z.infer<typeof spec>;
export type Group = z.infer<typeof group>;
export type Peer = z.infer<typeof peer>;
export type Guardrail = z.infer<typeof guardrail>;
export type Defaults = z.infer<typeof defaults>;
export type IngressRule = z.infer<typeof ingressRule>;
export type EgressRule = z.infer<typeof egressRule>;
export type ConnectionRule = z.infer<typeof connectionRule>;
export type RuleSource = z.infer<typeof ruleSource>;
export type RuleDestination = z.infer<typeof ruleDestination>;
export type GuardrailSource = z.infer<typeof guardrailSource>;
export type GuardrailDestination = z.infer<typeof guardrailDestination>;
export type CeilingSource = z.infer<typeof ceilingSource>;
export type CeilingDestination = z.infer<typeof ceilingDestination>;
export type { Assertion } from './assertions.ts';
export type { Nodes, Zone } from './nodes.ts';
export type { IpBlock, LabelSelector, LabelSelectorRequirement, PortValue } from './values.ts';

/** A valid ClusterFirewall, without the fields that only the API server adds. */
export interface ClusterFirewall {
  readonly metadata: { readonly name: string };
  readonly spec: Spec;
}
