/** Flows that a ClusterFirewall expects to be allowed or denied. */
import * as z from 'zod';
import { oneKey } from './shapes.ts';
import { addressString, dnsLabel, flowPort, labelMap, matchLabels, serviceAccountName } from './values.ts';

const pod = z
  .strictObject({
    namespace: dnsLabel.meta({ description: 'The namespace of the pod.' }),
    labels: labelMap.meta({ description: 'All labels of the pod; {} = it has none.' }),
    serviceAccount: serviceAccountName
      .meta({ description: 'The ServiceAccount of the pod. The default is `default`.' })
      .optional(),
    namespaceLabels: labelMap
      .meta({
        description:
          'Labels of the namespace, for a namespace that does not exist yet. Those of a namespace that exists come from the cluster.',
      })
      .optional(),
  })
  .meta({ description: 'An example of a pod. It need not exist.' });

const node = oneKey(
  z.strictObject({
    name: z
      .string()
      .max(253)
      .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, {
        error: 'must be the name of a Node: lower-case letters, digits, "-" and "."',
      })
      .meta({ description: 'Name of the Node.' })
      .optional(),
    labels: matchLabels
      .meta({ description: 'Labels that the Nodes have. It is about every such Node, and at least one.' })
      .optional(),
  }),
).meta({ description: 'A Node, or all Nodes with these labels.' });

const ends = {
  pod: pod.optional(),
  address: addressString.meta({ description: 'An address outside of the cluster, or of a Node.' }).optional(),
  node: node.optional(),
};

export const assertionSource = oneKey(z.strictObject(ends)).meta({
  description: 'The sender, as exactly one of pod, address and node.',
});

export const assertionDestination = oneKey(
  z.strictObject({
    ...ends,
    service: z
      .strictObject({
        namespace: dnsLabel.meta({ description: "The Service's namespace." }),
        name: dnsLabel.meta({ description: "The Service's name." }),
      })
      .meta({
        description:
          "A Service, at its own ports. The pod behind it is an example with the labels of the Service's selector.",
      })
      .optional(),
  }),
).meta({ description: 'The receiver, as exactly one of pod, address, node and service.' });

export const assertion = z
  .strictObject({
    name: dnsLabel.meta({ description: 'Name of the assertion: a DNS label, unique in its list.' }),
    from: assertionSource,
    to: assertionDestination,
    ports: z.array(flowPort).min(1).max(16).meta({
      description:
        'Ports at the destination: numbers, each with an optional /TCP, /UDP or /SCTP. It is about every one of them. Never empty.',
    }),
    expect: z.enum(['Allowed', 'Denied']).meta({ description: 'The verdict that the flow must have.' }),
  })
  .meta({
    description:
      'A flow and the verdict that it must have. A change of the spec that would break it is held back.',
  });

export type Assertion = z.infer<typeof assertion>;
