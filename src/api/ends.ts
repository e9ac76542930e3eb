/** The ends of rules: sources and destinations, as each position of the API takes them. */
import * as z from 'zod';
import { nonEmpty, oneKey, stringSet } from './shapes.ts';
import { checkedLabelSelector, dnsLabel, ipBlock, labelSelector, serviceAccountName } from './values.ts';

export const accounts = (what: string) =>
  stringSet(serviceAccountName, { min: 1, max: 64 })
    .meta({ description: `Names of the ServiceAccounts of ${what}, of which each pod has one. Never empty.` })
    .optional();

export const podsBySelectors = (selector: typeof labelSelector) => ({
  namespaceSelector: selector
    .meta({ description: 'Labels of the namespaces that the pods are in; {} = every namespace.' })
    .optional(),
  podSelector: selector
    .meta({ description: 'Labels of the pods; {} or absent = every pod there.' })
    .optional(),
  serviceAccounts: accounts('the pods'),
});

const peerReference = {
  peer: dnsLabel.meta({ description: 'Name of an entry in spec.peers.' }).optional(),
};
const ipBlockKey = { ipBlock: ipBlock.optional() };
const podsKey = (selector: typeof labelSelector) => ({
  pods: nonEmpty(z.strictObject(podsBySelectors(selector)))
    .meta({
      description:
        'Pods by label. In the rules of a group, an absent namespaceSelector means the same namespace, as in NetworkPolicy.',
    })
    .optional(),
});
export const nodesKey = (selector: typeof labelSelector) => ({
  nodes: nonEmpty(selector)
    .meta({
      description: 'Nodes by label, with all their addresses. Never empty; every node is entity: Nodes.',
    })
    .optional(),
});
/** The forms that every end has but for its entities. */
const endBy = (selector: typeof labelSelector) => ({
  ...peerReference,
  ...ipBlockKey,
  ...podsKey(selector),
  ...nodesKey(selector),
});
const serviceKey = {
  service: z
    .strictObject({
      namespace: dnsLabel
        .meta({ description: "The Service's namespace; absent = the one of the pod that the rule is about." })
        .optional(),
      name: dnsLabel.meta({ description: "The Service's name." }),
    })
    .meta({
      description:
        'The pods that a Service selects, on the ports that it leads to. The ports of the rule are `[All]`, and every destination of it is a service.',
    })
    .optional(),
};
const entityKey = <const T extends readonly [string, ...string[]]>(values: T, description: string) => ({
  entity: z.enum(values).meta({ description }).optional(),
});

const ENTITIES =
  "World: addresses of no pod and no node. Internet: those of them that are public. Pods: every pod. Nodes: the own and tunnel addresses of every node, which pods of the host network share. ControlPlane: nodes labelled as control plane, and the API server's endpoints.";
const API_SERVER = "KubeAPIServer: the API server's endpoints; ports must be `[All]`.";

const SOURCE = { description: 'A source, as exactly one of peer, ipBlock, pods, nodes and entity.' };
const DESTINATION = {
  description: 'A destination, as exactly one of peer, ipBlock, pods, nodes and entity.',
};

export const ruleSource = oneKey(
  z.strictObject({
    ...endBy(labelSelector),
    ...entityKey(
      ['World', 'Internet', 'Everyone', 'Pods', 'Nodes', 'ControlPlane', 'SameNamespace'],
      `${ENTITIES} SameNamespace: pods in the namespace of the pod that the rule is about. Everyone: every address.`,
    ),
  }),
).meta(SOURCE);

export const ruleDestination = oneKey(
  z.strictObject({
    ...endBy(labelSelector),
    ...serviceKey,
    ...entityKey(
      ['World', 'Internet', 'Pods', 'Nodes', 'ControlPlane', 'SameNamespace', 'KubeAPIServer'],
      `${ENTITIES} SameNamespace: pods in the namespace of the pod that the rule is about. ${API_SERVER}`,
    ),
  }),
).meta({ description: 'A destination, as exactly one of peer, ipBlock, pods, nodes, service and entity.' });

export const guardrailDestination = oneKey(
  z.strictObject({
    ...endBy(checkedLabelSelector),
    ...entityKey(
      ['World', 'Internet', 'Pods', 'Nodes', 'ControlPlane', 'KubeAPIServer'],
      `${ENTITIES} ${API_SERVER}`,
    ),
  }),
).meta(DESTINATION);

export const guardrailSource = oneKey(
  z.strictObject({
    ...endBy(checkedLabelSelector),
    ...entityKey(
      ['World', 'Internet', 'Everyone', 'Pods', 'Nodes', 'ControlPlane'],
      `${ENTITIES} Everyone: every address.`,
    ),
  }),
).meta(SOURCE);

const SAME_NAMESPACE = 'SameNamespace: pods in the namespace of the pod that it restricts.';

export const ceilingDestination = oneKey(
  z.strictObject({
    ...endBy(checkedLabelSelector),
    ...entityKey(
      ['World', 'Internet', 'Pods', 'Nodes', 'ControlPlane', 'SameNamespace', 'KubeAPIServer'],
      `${ENTITIES} ${SAME_NAMESPACE} KubeAPIServer: the API server's endpoints, on the ports of the guardrail.`,
    ),
  }),
).meta(DESTINATION);

export const ceilingSource = oneKey(
  z.strictObject({
    ...endBy(checkedLabelSelector),
    ...entityKey(
      ['World', 'Internet', 'Pods', 'Nodes', 'ControlPlane', 'SameNamespace'],
      `${ENTITIES} ${SAME_NAMESPACE}`,
    ),
  }),
).meta(SOURCE);
