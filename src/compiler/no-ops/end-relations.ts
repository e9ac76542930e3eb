/** Compares sources and destinations. Each answer is false where it is not certain. */
import type { LabelSelector } from '../../api/schema.ts';
import { fromLabelSelector, printSelector, type Selector } from '../../calico/selector.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import type { Inventory, NamespaceInfo } from '../../inventory/types.ts';
import { containsCidr, overlapsCidr, parseCidr } from '../../net/cidr.ts';
import type { Enforcement } from '../namespaces/enforcement.ts';
import { everyNamespace, includesNamespace, type NamespaceSet } from '../namespaces/namespaces.ts';
import type { End, PodsEnd } from './ends.ts';

export class EndRelations {
  readonly #enforcement: Enforcement;
  readonly #namespaces: readonly NamespaceInfo[];
  readonly #members = new Map<NamespaceSet, readonly NamespaceInfo[]>();

  constructor(enforcement: Enforcement, { namespaces }: Inventory) {
    this.#enforcement = enforcement;
    this.#namespaces = namespaces === UNKNOWN ? [] : namespaces;
  }

  /** A guardrail about `bounds` is about all of the pods. It leaves out those of exempt namespaces. */
  isBound(bounds: PodsEnd, pods: PodsEnd): boolean {
    if (!this.#isWithin(pods, bounds)) return false;
    if (pods.namespaces === everyNamespace) return true;
    const members = this.#membersOf(pods.namespaces);
    return members.length > 0 && members.every((each) => this.#enforcement.modeOf(each) !== 'exempt');
  }

  /** All of `inner` is in `outer`. Addresses of a rule never mean pods or nodes, so World has them all. */
  covers(outer: End, inner: End): boolean {
    if (outer.kind === 'entity') return coversByEntity(outer.entity, inner);
    if (outer.kind === 'pods') return inner.kind === 'pods' && this.#isWithin(inner, outer);
    if (outer.kind === 'nodes') return inner.kind === 'nodes' && implies(inner.labels, outer.labels);
    return (
      inner.kind === 'cidrs' &&
      !outer.isPart &&
      inner.cidrs.every((cidr) => outer.cidrs.some((each) => containsCidr(parseCidr(each), parseCidr(cidr))))
    );
  }

  /** Nothing is in both. Addresses in rules and in onlyTo and onlyFrom never mean pods or nodes. */
  areApart(a: End, b: End): boolean {
    const [one, other] = [sortOf(a), sortOf(b)];
    if (one === undefined || other === undefined) return false;
    if (one !== other) return true;
    if (a.kind === 'cidrs' && b.kind === 'cidrs')
      return !a.cidrs.some((cidr) => b.cidrs.some((each) => overlapsCidr(parseCidr(cidr), parseCidr(each))));
    if (a.kind !== 'pods' || b.kind !== 'pods') return false;
    return contradict(a.labels, b.labels) || this.#haveNoNamespace(a.namespaces, b.namespaces);
  }

  #isWithin(inner: PodsEnd, outer: PodsEnd): boolean {
    if (outer.isPart === true || !implies(inner.labels, outer.labels)) return false;
    const { names, where } = outer.namespaces;
    if (names === undefined && where.kind === 'all') return true;
    const members = this.#membersOf(inner.namespaces);
    return members.length > 0 && members.every((each) => includesNamespace(outer.namespaces, each));
  }

  #haveNoNamespace(a: NamespaceSet, b: NamespaceSet): boolean {
    const members = this.#membersOf(a);
    return (
      members.length > 0 &&
      this.#membersOf(b).length > 0 &&
      !members.some((each) => includesNamespace(b, each))
    );
  }

  /** Namespaces that are named count before they exist. */
  #membersOf(set: NamespaceSet): readonly NamespaceInfo[] {
    const known = this.#members.get(set);
    if (known !== undefined) return known;
    const found = this.#namespaces.filter((each) => includesNamespace(set, each));
    const names = set.names ?? [];
    const members =
      found.length > 0 || set.where.kind !== 'all' ? found : names.map((name) => ({ name, labels: {} }));
    this.#members.set(set, members);
    return members;
  }
}

function coversByEntity(entity: string, inner: End): boolean {
  const name = inner.kind === 'entity' ? inner.entity : undefined;
  if (entity === 'Everyone' || entity === name) return true;
  if (entity === 'World') return name === 'Internet' || inner.kind === 'cidrs';
  if (entity === 'Nodes') return inner.kind === 'nodes';
  return entity === 'Pods' && inner.kind === 'pods';
}

type Sort = 'pods' | 'nodes' | 'addresses';
const SORTS: Readonly<Record<string, Sort>> = {
  Pods: 'pods',
  Nodes: 'nodes',
  World: 'addresses',
  Internet: 'addresses',
};

/** Undefined where it may be of several. */
function sortOf(end: End): Sort | undefined {
  if (end.kind === 'entity') return SORTS[end.entity];
  return end.kind === 'cidrs' ? 'addresses' : end.kind;
}

const conjuncts = (labels: LabelSelector): readonly Selector[] => {
  const selector = fromLabelSelector(labels);
  if (selector.kind === 'all') return [];
  return selector.kind === 'and' ? selector.of : [selector];
};

/** Whatever has the first labels has the others. */
function implies(labels: LabelSelector, others: LabelSelector): boolean {
  const given = new Set(conjuncts(labels).map(printSelector));
  return conjuncts(others).every((each) => given.has(printSelector(each)));
}

const contradict = (a: LabelSelector, b: LabelSelector): boolean =>
  Object.entries(a.matchLabels ?? {}).some(([key, value]) => {
    const other = b.matchLabels?.[key];
    return other !== undefined && other !== value;
  });
