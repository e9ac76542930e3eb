import { createHash } from 'node:crypto';

/**
 * The first eleven hexadecimal digits of the SHA-1. With "cali" or "port" before them, they have the maximum
 * length of an interface's name.
 */
export function shortHash(text: string): string {
  return createHash('sha1').update(text).digest('hex').slice(0, 11);
}

/**
 * The node's side of a pod's link, with the name that Calico's CNI plugin and Felix give it (libcalico-go,
 * VethNameForWorkload).
 */
export function podInterface(namespace: string, pod: string): string {
  return `cali${shortHash(`${namespace}.${pod}`)}`;
}
