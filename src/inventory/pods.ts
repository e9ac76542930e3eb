/** Pods, as the command line reads them from a file. The operator watches none. */
import { fieldsOf, listOf, textOf, type KubernetesObject } from './object.ts';

export interface PodInfo {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  /** It shares the addresses of its node, so policies see the node. */
  readonly isOnHostNetwork: boolean;
  /** Numbers of its containers' ports, as far as they are declared. */
  readonly portNumbers: readonly number[];
  /** Names of its containers' ports. */
  readonly portNames: readonly string[];
}

export function readPod({ metadata, spec }: KubernetesObject): PodInfo {
  const { hostNetwork, containers, initContainers, serviceAccountName } = fieldsOf(spec);
  const account = textOf(serviceAccountName);
  const ports = [...listOf(containers), ...listOf(initContainers)].flatMap((container) =>
    listOf(fieldsOf(container)['ports']).map(fieldsOf),
  );
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    labels: metadata.labels ?? {},
    serviceAccount: account === '' ? 'default' : account,
    isOnHostNetwork: hostNetwork === true,
    portNumbers: ports.flatMap(({ containerPort }) =>
      typeof containerPort === 'number' ? [containerPort] : [],
    ),
    portNames: ports.map(({ name }) => textOf(name)).filter((name) => name !== ''),
  };
}
