/** Entities of other firewalls. */
import { spelling } from './spelling.ts';

/** The first choice whose entities are all known counts. */
const ENTITIES: Readonly<Record<string, readonly (readonly [entities: readonly string[], say: string])[]>> = {
  internet: [
    [['Internet'], 'write Internet, or World with private addresses that are no pod and no node'],
    [['World'], 'write World, which is every address of no pod and no node'],
  ],
  external: [
    [['Internet'], 'write Internet, or World with private addresses that are no pod and no node'],
    [['World'], 'write World, which is every address of no pod and no node'],
  ],
  outside: [
    [['Internet'], 'write Internet, or World with private addresses that are no pod and no node'],
    [['World'], 'write World, which is every address of no pod and no node'],
  ],
  all: [
    [['Everyone'], 'write Everyone'],
    [['World', 'Pods', 'Nodes'], 'write World, Pods and Nodes, one entry for each'],
  ],
  cluster: [[['Pods', 'Nodes'], 'write Pods and Nodes, one entry for each']],
  host: [[['Nodes'], 'its own node always reaches a pod; write Nodes for every node']],
  remotenode: [[['Nodes'], 'write Nodes, which is every node']],
  kubeapiserver: [[['ControlPlane'], 'a source of that name does not exist: write ControlPlane']],
  apiserver: [
    [['KubeAPIServer'], 'write KubeAPIServer'],
    [['ControlPlane'], 'write ControlPlane'],
  ],
  ingress: [[[], 'name the pods of the ingress controller, as pods or as a peer']],
  health: [[[], 'a node always reaches its own pods, so probes of kubelet need no rule']],
  self: [[['SameNamespace'], 'write SameNamespace']],
  namespace: [[['SameNamespace'], 'write SameNamespace']],
  dns: [[[], 'DNS is open by itself, to what spec.defaults.dns says']],
};
const SYNONYMS: Readonly<Record<string, string>> = {
  any: 'all',
  anyone: 'all',
  anywhere: 'all',
  everything: 'all',
  everywhere: 'all',
  '*': 'all',
  hosts: 'host',
  node: 'host',
  localhost: 'host',
  unmanaged: 'host',
};

/** Says which entity stands for one of another firewall. */
export function entityAdvice(word: string, known: readonly string[]): string | undefined {
  const plain = spelling(word);
  const choices = new Map(Object.entries(ENTITIES)).get(
    new Map(Object.entries(SYNONYMS)).get(plain) ?? plain,
  );
  return choices?.find(([entities]) => entities.every((entity) => known.includes(entity)))?.[1];
}
