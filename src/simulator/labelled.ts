/** Pods, host endpoints and network sets with the labels that Calico gives them, as selectors see them. */
import { LABEL_NAMESPACE, LABEL_ORCHESTRATOR } from '../calico/labels.ts';
import type { NamedPort, StoredHostEndpoint } from '../calico/read/objects.ts';
import { LABEL_SERVICE_ACCOUNT } from '../calico/labels.ts';
import { NAMESPACE_PREFIX, SERVICE_ACCOUNT_PREFIX } from '../calico/read/selectors.ts';
import { matchesSelector, type Selector } from '../calico/selector.ts';
import { PrefixMap, type Address } from '../net/prefixes.ts';
import { formatAddress } from '../net/cidr.ts';
import { podName, type Labels, type Pod, type World } from './world.ts';

/** Labels as selectors see them. Equal labels are one view, which remembers the answers of selectors. */
export interface View {
  readonly index: number;
  readonly labels: Labels;
  /** By the selector's number: 0 not asked yet, 1 no, 2 yes. */
  answers: Uint8Array;
}

/** Something that owns addresses. */
export interface Labelled {
  readonly view: View;
  readonly ports: readonly NamedPort[];
}

const NO_PORTS: readonly NamedPort[] = [];

/** Calico's answer to each selector, for every endpoint and set. */
export class LabelIndex {
  readonly #views = new Map<string, View>();
  readonly #namespaces: ReadonlyMap<string, Labels>;
  readonly #accounts: ReadonlyMap<string, Labels>;
  readonly #selectors: Selector[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #byAddress = new Map<string, Labelled[]>();
  readonly #sets = new PrefixMap<Labelled>();
  readonly #pods = new Map<string, View>();
  readonly #hosts = new Map<string, View>();

  constructor(world: World) {
    this.#namespaces = new Map(world.namespaces.map((each) => [each.name, namespaceLabels(each)]));
    this.#accounts = new Map(world.serviceAccounts.map((each) => [podName(each), accountLabels(each)]));
    for (const pod of world.pods) this.#addPod(pod);
    for (const endpoint of world.hostEndpoints) this.#addHostEndpoint(endpoint);
    for (const { labels, namespace, nets } of world.sets) {
      const own = namespace === undefined ? labels : { ...labels, [LABEL_NAMESPACE]: namespace };
      const parent = namespace === undefined ? undefined : this.#namespaces.get(namespace);
      const set = { view: this.#view(own, parent), ports: NO_PORTS };
      for (const net of nets) this.#sets.add(net, set);
    }
  }

  podView(pod: Pod): View {
    const view = this.#pods.get(podName(pod));
    if (view === undefined) throw new RangeError(`no pod ${podName(pod)}`);
    return view;
  }

  /** The view of a pod that does not exist. */
  viewOf(pod: Pick<Pod, 'namespace' | 'labels' | 'serviceAccount'>): View {
    const { namespace, labels, serviceAccount } = pod;
    const own: Record<string, string> = {
      ...withoutInherited(labels),
      [LABEL_NAMESPACE]: namespace,
      [LABEL_ORCHESTRATOR]: 'k8s',
    };
    // Kubernetes allows longer names than a label's value has characters (workload_endpoint_default.go).
    if (serviceAccount !== '' && serviceAccount.length < 63) own[LABEL_SERVICE_ACCOUNT] = serviceAccount;
    const account = this.#accounts.get(`${namespace}/${serviceAccount}`);
    return this.#view(own, this.#namespaces.get(namespace), account);
  }

  hostView({ name }: StoredHostEndpoint): View {
    const view = this.#hosts.get(name);
    if (view === undefined) throw new RangeError(`no host endpoint ${name}`);
    return view;
  }

  /** Everything that has this address. */
  ownersOf(text: string, address: Address): readonly Labelled[] {
    return [...(this.#byAddress.get(text) ?? []), ...this.#sets.containing(address)];
  }

  numberOf(selector: Selector): number {
    const key = JSON.stringify(selector);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.#selectors.length);
    return this.#selectors.push(selector) - 1;
  }

  /** @param number of the selector */
  matches(number: number, view: View): boolean {
    if (number >= view.answers.length) view.answers = enlarged(view.answers, this.#selectors.length);
    const known = view.answers[number];
    if (known === 1 || known === 2) return known === 2;
    const selector = this.#selectors[number];
    if (selector === undefined) throw new RangeError(`no selector ${String(number)}`);
    const answer = matchesSelector(selector, view.labels);
    view.answers[number] = answer ? 2 : 1;
    return answer;
  }

  #addPod(pod: Pod): void {
    const view = this.viewOf(pod);
    this.#pods.set(podName(pod), view);
    for (const address of pod.addresses) this.#own(address, { view, ports: pod.ports });
  }

  #addHostEndpoint(endpoint: StoredHostEndpoint): void {
    const view = this.#view(endpoint.labels);
    this.#hosts.set(endpoint.name, view);
    for (const cidr of endpoint.expectedIPs) this.#own(formatAddress(cidr), { view, ports: endpoint.ports });
  }

  #own(address: string, owner: Labelled): void {
    const list = this.#byAddress.get(address);
    if (list === undefined) this.#byAddress.set(address, [owner]);
    else list.push(owner);
  }

  /** felix/labelindex: own labels come before those of parents. */
  #view(own: Labels, ...parents: readonly (Labels | undefined)[]): View {
    const labels: Labels = Object.assign({}, ...parents.toReversed(), own) as Labels;
    const key = JSON.stringify(Object.entries(labels).sort());
    const known = this.#views.get(key);
    if (known !== undefined) return known;
    const view = { index: this.#views.size, labels, answers: new Uint8Array(this.#selectors.length) };
    this.#views.set(key, view);
    return view;
  }
}

function enlarged(answers: Uint8Array, length: number): Uint8Array {
  const larger = new Uint8Array(length);
  larger.set(answers);
  return larger;
}

/** workloadendpointprocessor.go: a pod cannot pretend labels of its namespace. A set can. */
const withoutInherited = (labels: Labels): Labels =>
  Object.keys(labels).some((key) => INHERITED.test(key))
    ? Object.fromEntries(Object.entries(labels).filter(([key]) => !INHERITED.test(key)))
    : labels;

const INHERITED = /^pc(?:ns|sa)\./;

/** conversion.go, NamespaceToProfile: what pods and sets of a namespace inherit. */
const namespaceLabels = ({ name, labels }: { readonly name: string; readonly labels: Labels }): Labels => ({
  ...withPrefix(NAMESPACE_PREFIX, labels),
  [`${NAMESPACE_PREFIX}projectcalico.org/name`]: name,
});

const accountLabels = ({ name, labels }: { readonly name: string; readonly labels: Labels }): Labels => ({
  ...withPrefix(SERVICE_ACCOUNT_PREFIX, labels),
  [`${SERVICE_ACCOUNT_PREFIX}projectcalico.org/name`]: name,
});

const withPrefix = (prefix: string, labels: Labels): Labels =>
  Object.fromEntries(Object.entries(labels).map(([key, value]) => [`${prefix}${key}`, value]));
