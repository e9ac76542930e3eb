import type { KubernetesObject } from './object.ts';
import type { NamespaceInfo } from './types.ts';

export function readNamespace({ metadata }: KubernetesObject): NamespaceInfo {
  const { name, labels = {}, deletionTimestamp } = metadata;
  return { name, labels, ...(deletionTimestamp !== undefined && { terminating: true }) };
}
