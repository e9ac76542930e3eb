/** The operator's Deployments, wherever they are. */
import { isForbidden } from '../cluster/errors.ts';
import type { Transport } from '../cluster/http/transport.ts';
import { get, list } from '../cluster/objects/apply.ts';
import type { Metadata, Resource, StoredObject } from '../cluster/resource.ts';
import { DEFAULT_OPERATOR_NAMESPACE, OPERATOR_NAME } from '../compiler/names.ts';
import { fieldsOf, listOf, textOf } from '../inventory/object.ts';

export interface OperatorDeployment {
  readonly namespace: string;
  readonly image: string;
  /** The label app.kubernetes.io/version, which the chart writes, or else the tag of the image. */
  readonly version?: string;
  /** Replicas that are wanted. */
  readonly replicas: number;
  readonly ready: number;
  /** Replicas of the present template. */
  readonly updated: number;
  /** True when the controller has seen the latest change of the Deployment. */
  readonly observed: boolean;
  readonly installedBy: InstalledBy;
}

/** The tool that keeps an object, as far as its labels and annotations tell. */
export type InstalledBy =
  { readonly tool: 'Helm' | 'Argo CD'; readonly name: string } | { readonly tool: 'kubectl' };

const DEPLOYMENTS: Resource = { group: 'apps', version: 'v1', plural: 'deployments' };

/**
 * Sorted by namespace. Without the right to list them everywhere, only the usual namespace is looked at.
 * @throws ApiError or TransportError
 */
export async function operatorDeployments(
  transport: Transport,
  namespace?: string,
): Promise<readonly OperatorDeployment[]> {
  const objects = namespace === undefined ? await anywhere(transport) : await inside(transport, namespace);
  return objects.map(readDeployment).toSorted((a, b) => (a.namespace < b.namespace ? -1 : 1));
}

async function anywhere(transport: Transport): Promise<readonly StoredObject[]> {
  try {
    const found = await list(transport, DEPLOYMENTS, {
      fieldSelector: `metadata.name=${OPERATOR_NAME}`,
      labelSelector: `app.kubernetes.io/name=${OPERATOR_NAME}`,
    });
    return found.filter(({ metadata }) => metadata.name === OPERATOR_NAME);
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return inside(transport, DEFAULT_OPERATOR_NAMESPACE);
  }
}

async function inside(transport: Transport, namespace: string): Promise<readonly StoredObject[]> {
  const object = await get(transport, { ...DEPLOYMENTS, namespace }, OPERATOR_NAME);
  return object === undefined ? [] : [object];
}

function readDeployment({ metadata, spec, status }: StoredObject): OperatorDeployment {
  const { namespace = '', labels = {}, generation = 0 } = metadata;
  const [container] = listOf(fieldsOf(fieldsOf(fieldsOf(spec)['template'])['spec'])['containers']);
  const image = textOf(fieldsOf(container)['image']);
  const version = labels['app.kubernetes.io/version'] ?? tagOf(image);
  const { readyReplicas, updatedReplicas, observedGeneration } = fieldsOf(status);
  return {
    namespace,
    image,
    ...(version !== undefined && { version }),
    replicas: numberOf(fieldsOf(spec)['replicas'], 1),
    ready: numberOf(readyReplicas, 0),
    updated: numberOf(updatedReplicas, 0),
    observed: numberOf(observedGeneration, 0) >= generation,
    installedBy: installedBy(metadata),
  };
}

/** `0.1.0` of `registry:5000/clusterfirewall:0.1.0@sha256:…`. */
const tagOf = (image: string): string | undefined =>
  /:([\w][\w.-]{0,127})(?:@|$)/.exec(image.replace(/^.*\//, ''))?.[1];

const numberOf = (value: unknown, otherwise: number): number =>
  typeof value === 'number' ? value : otherwise;

/** `APPLICATION:GROUP/KIND:NAMESPACE/NAME` in the annotation that Argo CD writes to what it keeps. */
const ARGO_CD = 'argocd.argoproj.io/tracking-id';
const HELM = 'meta.helm.sh/release-name';

export function installedBy({ annotations = {} }: Metadata): InstalledBy {
  const application = annotations[ARGO_CD]?.split(':', 1)[0];
  if (application !== undefined) return { tool: 'Argo CD', name: application };
  const release = annotations[HELM];
  return release === undefined ? { tool: 'kubectl' } : { tool: 'Helm', name: release };
}
