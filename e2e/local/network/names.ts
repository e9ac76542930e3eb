import { createHash } from 'node:crypto';

/** The first eleven hexadecimal digits of the SHA-1: with "cali" or "port" before it as long as an interface's name may be. */
export function shortHash(text: string): string {
  return createHash('sha1').update(text).digest('hex').slice(0, 11);
}

/** The node's side of a pod's link, as Calico's CNI plugin and Felix name it (libcalico-go, VethNameForWorkload). */
export function podInterface(namespace: string, pod: string): string {
  return `cali${shortHash(`${namespace}.${pod}`)}`;
}
