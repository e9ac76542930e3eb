/** Finds the ends of flows that were seen in a world. An end that the world does not know is never guessed. */
import type { Seen } from '../flowlogs/flow.ts';
import { containsCidr, parseAddress } from '../net/cidr.ts';
import { NOT_INTERNET } from '../net/internet.ts';
import { programOf } from '../questions/pod-labels.ts';
import { Classes } from '../simulator/classes.ts';
import type { OutsideClass } from '../simulator/outside.ts';
import type { Prepared, PreparedNode } from '../simulator/prepared.ts';
import { podName, type Pod } from '../simulator/world.ts';
import { OutsideIndex } from './outside-index.ts';

export type Located =
  | { readonly kind: 'pod'; readonly pod: Pod }
  /** With an address where the source of the flows names it. */
  | { readonly kind: 'node'; readonly node: PreparedNode; readonly address?: string }
  | { readonly kind: 'outside'; readonly class: OutsideClass; readonly address: string };

export interface End {
  /** Equal keys: flows are counted together. */
  readonly key: string;
  /** A name that people know. Empty for an address outside. */
  readonly name: string;
  /** Several for the pods of one owner, and for an address that the source leaves out. */
  readonly candidates: readonly [Located, ...Located[]];
  /** Outside the cluster, where it is known. */
  readonly address?: string;
}

export interface Unresolved {
  readonly name: string;
  readonly why: string;
}

export const isResolved = (end: End | Unresolved): end is End => 'candidates' in end;

export class EndFinder {
  readonly #prepared: Prepared;
  readonly #classes: Classes;
  readonly #outside: OutsideIndex;
  readonly #known = new Map<string, End | Unresolved>();

  constructor(prepared: Prepared) {
    this.#prepared = prepared;
    this.#classes = new Classes(prepared);
    this.#outside = new OutsideIndex(this.#classes.outside);
  }

  find(seen: Seen): End | Unresolved {
    switch (seen.kind) {
      case 'address':
        return this.#atAddress(seen.address);
      case 'name':
        return this.#remembered(JSON.stringify(seen), () => this.#named(seen));
      case 'network':
        return this.#remembered(String(seen.isPublic), () => this.#network(seen.isPublic));
    }
  }

  /** Only ends of the cluster are remembered, because there are too many addresses outside. */
  #atAddress(address: string): End | Unresolved {
    const known = this.#known.get(address);
    if (known !== undefined) return known;
    const place = this.#prepared.placeOf(address);
    if (place?.kind === 'pod') return this.#remembered(address, () => this.#pod(place.pod));
    if (place?.kind === 'node') return this.#remembered(address, () => nodeEnd(place.node, address));
    const found = this.#outside.find(address);
    if (found === undefined) return { name: address, why: serviceOrNothing(this.#prepared, address) };
    if (!found.class.isRoutable && this.#prepared.party(found.class.example).pool !== undefined)
      return { name: address, why: 'it is in an IPPool, and no pod has it now' };
    const candidate = { kind: 'outside', class: found.class, address } as const;
    return { key: `outside ${String(found.number)}`, name: '', candidates: [candidate], address };
  }

  #pod(pod: Pod): End | Unresolved {
    const { node, namespace, name } = pod;
    if (this.#prepared.node(node) === undefined)
      return { name: podName(pod), why: `its Node ${node} is missing` };
    return {
      key: `pod ${namespace}/${name}`,
      name: programOf(pod) ?? podName(pod),
      candidates: [{ kind: 'pod', pod }],
    };
  }

  #named(seen: Extract<Seen, { readonly kind: 'name' }>): End | Unresolved {
    const { namespace, name, of } = seen;
    const text = namespace === undefined ? name : `${namespace}/${name}`;
    const found = [
      ...(namespace !== undefined && (of ?? 'pod') === 'pod' ? this.#podsNamed(namespace, name) : []),
      ...(namespace === undefined && (of ?? 'host endpoint') === 'host endpoint'
        ? this.#hostsNamed(name)
        : []),
      ...((of ?? 'network set') === 'network set' ? this.#setsNamed(namespace, name) : []),
    ];
    const [first, ...others] = found;
    if (first === undefined)
      return {
        name: text,
        why: `the cluster has no ${of ?? 'pod, host endpoint or network set'} of this name now`,
      };
    const programs = new Set(
      found.map((each) => (each.kind === 'pod' ? (programOf(each.pod) ?? text) : text)),
    );
    const [program = text] = programs;
    return { key: text, name: programs.size === 1 ? program : text, candidates: [first, ...others] };
  }

  /** One of each class: the others have the same verdicts. */
  #podsNamed(namespace: string, name: string): readonly Located[] {
    const isWanted = name.endsWith('*')
      ? (pod: Pod): boolean => pod.name.startsWith(name.slice(0, -1))
      : (pod: Pod): boolean => pod.name === name;
    const pods = this.#prepared.world.pods.filter(
      (pod) => pod.namespace === namespace && isWanted(pod) && this.#prepared.node(pod.node) !== undefined,
    );
    const classes = Map.groupBy(pods, (pod) => this.#classes.classOf(pod));
    return [...classes.values()].flatMap(([pod]) =>
      pod === undefined ? [] : [{ kind: 'pod', pod } as const],
    );
  }

  #hostsNamed(name: string): readonly Located[] {
    return this.#prepared.world.hostEndpoints.flatMap((endpoint) => {
      const node = endpoint.name === name ? this.#prepared.node(endpoint.node) : undefined;
      return node === undefined ? [] : [{ kind: 'node', node } as const];
    });
  }

  #setsNamed(namespace: string | undefined, name: string): readonly Located[] {
    const sets = this.#prepared.world.sets.filter((set) => set.name === name && set.namespace === namespace);
    const nets = sets.flatMap((set) => set.nets);
    return this.#outsideWhere((address) => nets.some((net) => containsCidr(net, parseAddress(address))));
  }

  #network(isPublic: boolean): End | Unresolved {
    const name = isPublic ? 'some public address' : 'some private address';
    const isWanted = (address: string): boolean =>
      NOT_INTERNET.some((net) => containsCidr(net, parseAddress(address))) !== isPublic;
    const nodes = this.#prepared.world.nodes.flatMap(({ name: of, addresses }) => {
      const node = this.#prepared.node(of);
      const address = addresses.find(isWanted);
      return node === undefined || address === undefined ? [] : [{ kind: 'node', node, address } as const];
    });
    const [first, ...others] = [...this.#outsideWhere(isWanted), ...nodes];
    if (first === undefined) return { name, why: 'the flow log leaves the address out' };
    return { key: name, name, candidates: [first, ...others] };
  }

  #outsideWhere(isWanted: (address: string) => boolean): readonly Located[] {
    return this.#classes.outside.flatMap((each) =>
      each.isRoutable && isWanted(each.example)
        ? [{ kind: 'outside', class: each, address: each.example } as const]
        : [],
    );
  }

  #remembered(key: string, find: () => End | Unresolved): End | Unresolved {
    const known = this.#known.get(key) ?? find();
    this.#known.set(key, known);
    return known;
  }
}

const nodeEnd = (node: PreparedNode, address: string): End => ({
  key: `node ${node.node.name}`,
  name: `node ${node.node.name}`,
  candidates: [{ kind: 'node', node, address }],
});

function serviceOrNothing({ services }: Prepared, address: string): string {
  if (services.hasAddress(address))
    return 'it is the address of a Service, and no pod behind it was reached: the Service has no such port, or no endpoint';
  return 'it is a loopback address, at which nothing is judged';
}
