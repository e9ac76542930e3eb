/** The Services that the API server calls or rules name, and where it is itself, as plain data for the compiler. */
import {
  API_SERVER_SLICES,
  BACKEND_SOURCES,
  NOT_THE_API_SERVER,
  portsOfServices,
  readApiServerSlice,
  readBackends,
  readService,
  SERVICES,
} from '../../inventory/api-server.ts';
import { ifChanged, type ChangeEvent } from '../../cluster/informer/store.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import type { ApiServerBackend, ApiServerSlice, Inventory, ServiceInfo } from '../../inventory/types.ts';
import type { Unreadable } from '../../inventory/unreadable.ts';
import { LastKnown, both, type Remembered } from './last-known.ts';
import { Informer, type InformerContext } from '../../cluster/informer/informer.ts';
import { InformerGroup, type Informers } from '../../cluster/informer/informer-group.ts';
import { PatientInformers } from '../../cluster/informer/patient-informers.ts';

type Snapshot = Pick<
  Inventory,
  | 'apiServerBackends'
  | 'services'
  | 'clusterIPs'
  | 'externalIPs'
  | 'unusualNodePorts'
  | 'healthCheckNodePorts'
  | 'apiServerEndpoints'
  | 'apiServerTargets'
  | 'unlistedKinds'
> & {
  readonly unreadable: readonly Unreadable[];
};

/**
 * The wait for a kind that cannot be listed (rights are missing, its API is not served). Then the operator
 * goes on without it, because the rest of the firewall does not depend on it.
 */
const PATIENCE_MS = 10_000;

export type IsNamed = (service: Pick<ServiceInfo, 'namespace' | 'name'>) => boolean;

export class ApiServerCallees {
  readonly informers: Informers;
  readonly #isNamed: IsNamed;
  readonly #sources: readonly Informer<readonly ApiServerBackend[]>[];
  /**
   * All of the cluster, because it is not known beforehand which of them will be called. Little is kept of
   * each.
   */
  readonly #services: Informer<Remembered<ServiceInfo>>;
  readonly #slices: Informer<Remembered<ApiServerSlice>>;

  /**
   * @param isNamed true for a Service that a rule names
   * @param onChange called when something that the compiler sees changed, and when a missing kind is no
   * longer waited for
   */
  constructor(context: InformerContext, isNamed: IsNamed, onChange: () => void) {
    this.#isNamed = isNamed;
    this.#sources = BACKEND_SOURCES.map(
      (source) =>
        new Informer(context, {
          kind: source.kind,
          resource: source.resource,
          pageSize: source.pageSize,
          project: (object) => readBackends(source, object),
          // An object that names no Service may come and go.
          onChange: ifChanged<readonly ApiServerBackend[]>(onChange, []),
          onSynced: onChange,
        }),
    );
    const { log } = context;
    // One port or label less would open something else.
    const lastServices = new LastKnown<ServiceInfo>({ read: readService, keep: (_, before) => before, log });
    const serviceChanged = ifChanged<Remembered<ServiceInfo>>(onChange);
    this.#services = lastServices.informer(context, {
      kind: 'Service',
      resource: SERVICES,
      onChange: (event) => {
        // The first list is reported as a whole, by onSynced.
        if (!this.#services.hasSynced) return;
        const matters =
          this.#called().has(event.key) ||
          isNamed((event.type === 'deleted' ? event.old : event.new).value) ||
          (event.type !== 'added' && isForItself(event.old)) ||
          (event.type !== 'deleted' && isForItself(event.new));
        if (matters) serviceChanged(event);
      },
      onSynced: onChange,
    });
    const lastSlices = new LastKnown<ApiServerSlice>({ read: readApiServerSlice, keep: bothSlices, log });
    const sliceChanged = ifChanged<Contribution>(onChange, { value: NOT_THE_API_SERVER, unreadable: [] });
    this.#slices = lastSlices.informer(context, {
      kind: 'EndpointSlice',
      resource: API_SERVER_SLICES,
      onChange: (event) => {
        sliceChanged(withoutUid(event));
      },
      onSynced: onChange,
    });
    const group = new InformerGroup(this.#all);
    this.informers = new PatientInformers(group, context.clock, PATIENCE_MS, onChange);
  }

  get #all() {
    return [...this.#sources, this.#services, this.#slices];
  }

  snapshot(): Snapshot {
    const called = this.#called();
    const all = this.#services.store.list().map(({ value }) => value);
    const services = this.#services.store
      .list()
      .filter(
        (each) =>
          speaksUdp(each) ||
          each.value.throughNodes === true ||
          this.#isNamed(each.value) ||
          called.has(`${each.value.namespace}/${each.value.name}`),
      );
    const slices = this.#slices.store.list();
    const unlisted = this.#all.filter(({ hasSynced }) => !hasSynced);
    return {
      apiServerBackends: this.#backends(),
      services: services.map(({ value }) => value),
      // No round begins because of these two.
      externalIPs: all.flatMap(({ externalIPs = [] }) => externalIPs).sort(),
      clusterIPs: all.flatMap(({ clusterIPs }) => clusterIPs).sort(),
      ...portsOfServices(all),
      apiServerEndpoints: this.#slices.hasSynced ? slices.flatMap(({ value }) => value.addresses) : UNKNOWN,
      apiServerTargets: slices.flatMap(({ value }) => value.targets),
      unreadable: [...services, ...slices].flatMap(({ unreadable }) => unreadable),
      ...(unlisted.length > 0 && { unlistedKinds: unlisted.map(({ resource }) => resource.plural) }),
    };
  }

  #backends(): readonly ApiServerBackend[] {
    return this.#sources.flatMap((source) => source.store.list().flat());
  }

  #called(): ReadonlySet<string> {
    return new Set(this.#backends().map(({ namespace, service }) => `${namespace}/${service}`));
  }
}

/** True for every Service in front of a DNS server. Most Services speak TCP alone, and may come and go. */
const speaksUdp = ({ value }: Remembered<ServiceInfo>): boolean =>
  value.ports.some(({ protocol }) => protocol === 'UDP');

/** True for a Service that the compiler looks at, whether it is called or not. */
const isForItself = (each: Remembered<ServiceInfo>): boolean =>
  speaksUdp(each) ||
  each.value.throughNodes === true ||
  each.value.unusualNodePorts !== undefined ||
  each.value.healthCheckNodePort !== undefined;

/** For a slice with a flaw. */
const bothSlices = (now: ApiServerSlice, before: ApiServerSlice): ApiServerSlice => ({
  addresses: both(now.addresses, before.addresses),
  targets: [
    ...new Map([...now.targets, ...before.targets].map((each) => [JSON.stringify(each), each])).values(),
  ],
});

type Contribution = Pick<Remembered<ApiServerSlice>, 'value' | 'unreadable'>;

/** A slice that is not the API server's may come and go. */
function withoutUid(event: ChangeEvent<Remembered<ApiServerSlice>>): ChangeEvent<Contribution> {
  const part = ({ value, unreadable }: Remembered<ApiServerSlice>): Contribution => ({
    value,
    unreadable,
  });
  switch (event.type) {
    case 'added':
      return { ...event, new: part(event.new) };
    case 'deleted':
      return { ...event, old: part(event.old) };
    case 'modified':
      return { ...event, old: part(event.old), new: part(event.new) };
  }
}
