/** Sources and destinations in one form, with peers and Services resolved, so that they can be compared. */
import type { ClusterFirewall, LabelSelector, Peer } from '../../api/schema.ts';
import type { Inventory } from '../../inventory/types.ts';
import { namedNamespaces, namespacesFromLabels, type NamespaceSet } from '../namespaces/namespaces.ts';
import type { RuleEnd } from './entries.ts';

export interface PodsEnd {
  readonly kind: 'pods';
  readonly namespaces: NamespaceSet;
  readonly labels: LabelSelector;
  /** Only those of some ServiceAccounts. */
  readonly isPart?: true;
}

export type End =
  | PodsEnd
  | { readonly kind: 'nodes'; readonly labels: LabelSelector }
  /** `isPart`: without the addresses of an `except`. */
  | { readonly kind: 'cidrs'; readonly cidrs: readonly string[]; readonly isPart: boolean }
  | { readonly kind: 'entity'; readonly entity: NonNullable<RuleEnd['entity']> };

export class EndReader {
  readonly #peers: ReadonlyMap<string, Peer>;
  readonly #services: Inventory['services'];

  constructor({ spec }: ClusterFirewall, { services }: Inventory) {
    this.#peers = new Map((spec.peers ?? []).map((peer) => [peer.name, peer]));
    this.#services = services;
  }

  /**
   * Undefined for what is not known.
   * @param own the namespaces that pods without a namespaceSelector are in
   */
  read(end: RuleEnd, own: NamespaceSet): End | undefined {
    const { ipBlock, entity } = end;
    if (ipBlock !== undefined)
      return { kind: 'cidrs', cidrs: [ipBlock.cidr], isPart: ipBlock.except !== undefined };
    if (entity === 'SameNamespace') return { kind: 'pods', namespaces: own, labels: {} };
    if (entity !== undefined) return { kind: 'entity', entity };
    if ('service' in end && end.service !== undefined) return this.#service(end.service, own);
    const { pods, nodes, cidrs } =
      end.peer === undefined ? { ...end, cidrs: undefined } : (this.#peers.get(end.peer) ?? {});
    if (cidrs !== undefined) return { kind: 'cidrs', cidrs, isPart: false };
    if (nodes !== undefined) return { kind: 'nodes', labels: nodes };
    if (pods === undefined) return undefined;
    const { namespaceSelector, podSelector = {}, serviceAccounts } = pods;
    const namespaces = namespaceSelector === undefined ? own : namespacesFromLabels(namespaceSelector);
    const part = serviceAccounts === undefined ? {} : ({ isPart: true } as const);
    return { kind: 'pods', namespaces, labels: podSelector, ...part };
  }

  #service(
    { namespace, name }: { readonly namespace?: string | undefined; readonly name: string },
    own: NamespaceSet,
  ): End | undefined {
    const home = namespace ?? (own.names?.length === 1 ? own.names[0] : undefined);
    const found = this.#services?.find((each) => each.namespace === home && each.name === name);
    if (home === undefined || found?.selector === undefined) return undefined;
    return { kind: 'pods', namespaces: namedNamespaces([home]), labels: { matchLabels: found.selector } };
  }
}
