/** Status of a ClusterFirewall: written by the operator, read by people, kstatus and the printer columns. */
import * as z from 'zod';
import type { CrdMeta } from './shapes.ts';

/** Further problems are only counted, in the message of the condition PartiallyInvalid. */
export const MAX_PROBLEMS = 100;

/** Further objects of others, and further namespaces, are only counted. */
export const MAX_FOREIGN = 32;

// Bounds of metav1.Condition: https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#Condition
const CONDITION_TYPE_PATTERN =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$/;
const REASON_PATTERN = /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/;

const count = (description: string) => z.int().min(0).meta({ description });
const summary = (example: string) =>
  z
    .string()
    .max(64)
    .meta({ description: `The numbers as people read them, for example ${example}.` });

const condition = z.strictObject({
  type: z
    .string()
    .max(316)
    .regex(CONDITION_TYPE_PATTERN)
    .meta({ description: 'The subject of the condition.' }),
  status: z.enum(['True', 'False', 'Unknown']).meta({ description: 'Whether the condition holds.' }),
  observedGeneration: z
    .int()
    .min(0)
    .meta({ description: 'The metadata.generation that the condition was set for.' })
    .optional(),
  lastTransitionTime: z
    .string()
    .max(64)
    .meta({
      description: 'The time at which the status last changed.',
      format: 'date-time',
    } satisfies CrdMeta),
  reason: z
    .string()
    .min(1)
    .max(1024)
    .regex(REASON_PATTERN)
    .meta({ description: 'The reason of the status, in one CamelCase word.' }),
  message: z.string().max(32768).meta({ description: 'The reason in words. It may be empty.' }),
});

const problem = z.strictObject({
  severity: z
    .enum(['problem', 'warning'])
    .meta({ description: 'problem: not programmed as written. warning: programmed, but has no effect yet.' }),
  rule: z.string().max(512).meta({
    description:
      'FIREWALL/GROUP/LIST/NAME, or the beginning of it if the problem affects more than one rule.',
  }),
  path: z
    .string()
    .max(1024)
    .meta({ description: 'The field, for example `spec.namespaces[0].ingress[2].from[1].peer`.' }),
  reason: z
    .string()
    .min(1)
    .max(128)
    .regex(REASON_PATTERN)
    .meta({ description: 'The kind of problem, in one CamelCase word.' }),
  message: z.string().max(2048).meta({ description: 'The fault and its remedy.' }),
});

const foreignObject = z.strictObject({
  object: z.string().max(320).meta({
    description: 'Kind/NAME, as spec.acceptForeign takes it, or a kind that the operator may not list.',
  }),
  opens: z.string().max(512).meta({ description: 'What it may open, with an example where one is known.' }),
  accepted: z.literal(true).meta({ description: 'Present when spec.acceptForeign names it.' }).optional(),
});

const foreignFields = {
  foreign: z
    .array(foreignObject)
    .max(MAX_FOREIGN)
    .meta({
      description: `Objects of others that may open what is closed: first those that are not accepted, at most ${String(MAX_FOREIGN)}. It changes at most once a minute.`,
      'x-kubernetes-list-type': 'atomic',
    } satisfies CrdMeta)
    .optional(),
  foreignCount: z
    .strictObject({
      open: count('Objects that are not accepted.'),
      accepted: count('Objects that spec.acceptForeign names.'),
    })
    .meta({ description: 'The number of objects of others that may open something, listed or not.' })
    .optional(),
  namespacePolicies: z
    .strictObject({
      policies: count('NetworkPolicies that allow.'),
      namespaces: count('Namespaces that have such NetworkPolicies.'),
      largest: z
        .array(
          z.strictObject({
            namespace: z.string().max(63).meta({ description: 'Name of the namespace.' }),
            policies: count('NetworkPolicies there that allow.'),
          }),
        )
        .max(MAX_FOREIGN)
        .meta({
          description: `The namespaces with most of them, at most ${String(MAX_FOREIGN)}.`,
          'x-kubernetes-list-type': 'atomic',
        } satisfies CrdMeta)
        .optional(),
      unlisted: z
        .literal(true)
        .meta({
          description: 'The operator may not list NetworkPolicies of Kubernetes, so they are not counted.',
        })
        .optional(),
    })
    .meta({
      description:
        "NetworkPolicies of others, Kubernetes' and Calico's, that allow something in namespaces under the default deny. That is the right of those who may write them there. It changes at most once a minute.",
    })
    .optional(),
};

export const status = z
  .strictObject({
    observedGeneration: z
      .int()
      .min(-1)
      .meta({ description: 'The metadata.generation that this status describes; -1 = not looked at yet.' })
      .optional(),
    conditions: z
      .array(condition)
      .max(16)
      .meta({
        description:
          'Accepted, PartiallyInvalid (only when True), Programmed, Ready (the summary), Stalled (needs someone to act). Only where they have something to say: NodesEnforced (with nodes), AssertionsHold (with assertions), FailsafesOpen and ForeignPolicies (when True).',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
      } satisfies CrdMeta)
      .optional(),
    problems: z
      .array(problem)
      .max(MAX_PROBLEMS)
      .meta({
        description: `Reasons why rules are not programmed as written, at most ${String(MAX_PROBLEMS)}.`,
        'x-kubernetes-list-type': 'atomic',
      } satisfies CrdMeta)
      .optional(),
    policies: z
      .strictObject({
        desired: count('Calico objects that should exist.'),
        current: count('Calico objects that are in the cluster as they should be.'),
        summary: summary('12/12'),
      })
      .meta({ description: 'The generated Calico objects.' })
      .optional(),
    namespaces: z
      .strictObject({
        enforced: count('Namespaces in which traffic is dropped unless a rule allows it.'),
        observed: count('Namespaces in which policies are staged and nothing is dropped.'),
        exempt: count('Namespaces that the firewall leaves alone.'),
        summary: summary('10/12'),
      })
      .meta({
        description:
          'Namespaces by what the default deny does there. Only in the ClusterFirewall called default.',
      })
      .optional(),
    nodes: z
      .strictObject({
        selected: count('Nodes that spec.nodes selects.'),
        enforced: count('Selected nodes that drop traffic unless something allows it.'),
        pending: count('Selected nodes on which the rules are not in force yet.'),
        unsupported: count(
          'Nodes on which Calico has no host endpoints (Windows, virtual nodes). They are not among the selected ones. Only where there are any.',
        ).optional(),
        summary: summary('3/3'),
      })
      .meta({ description: 'The firewall of the nodes. Only with spec.nodes.' })
      .optional(),
    ...foreignFields,
  })
  .meta({ description: 'The state of the firewall in the cluster.' });

export type Status = z.infer<typeof status>;
export type Condition = z.infer<typeof condition>;
export type StatusProblem = z.infer<typeof problem>;
