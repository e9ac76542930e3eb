/** The Services that the API server calls, and where it is itself, as plain data for the compiler. */
import {
  API_SERVER_SLICES,
  BACKEND_SOURCES,
  readApiServerSlice,
  readBackends,
  readService,
  SERVICES,
} from '../../inventory/api-server.ts';
import type { Clock } from '../../cluster/clock.ts';
import { ifChanged } from '../../cluster/informer/store.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import type { ApiServerBackend, Inventory, ServiceInfo } from '../../inventory/types.ts';
import { Informer, type InformerContext } from '../../cluster/informer/informer.ts';
import { InformerGroup, type Informers } from '../../cluster/informer/informer-group.ts';

type Snapshot = Pick<Inventory, 'apiServerBackends' | 'services' | 'apiServerEndpoints' | 'unlistedKinds'>;

/**
 * The wait for a kind that cannot be listed (rights are missing, its API is not served). Then the operator goes on without it, because
 * the rest of the firewall does not depend on it.
 */
const PATIENCE_MS = 10_000;

export class ApiServerCallees implements Informers {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #sources: readonly Informer<readonly ApiServerBackend[]>[];
  /**
   * All of the cluster, because it is not known beforehand which of them will be called. Little is kept of each.
   */
  readonly #services: Informer<ServiceInfo>;
  readonly #endpoints: Informer<readonly string[]>;
  readonly #informers: InformerGroup;
  #isPatient = true;
  #cancel: () => void = () => undefined;

  /** @param onChange called when something that the compiler sees changed, and when a missing kind is no longer waited for */
  constructor(context: InformerContext, onChange: () => void) {
    this.#clock = context.clock;
    this.#onChange = onChange;
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
    const serviceChanged = ifChanged<ServiceInfo>(onChange);
    this.#services = new Informer(context, {
      kind: 'Service',
      resource: SERVICES,
      project: readService,
      onChange: (event) => {
        // The first list is reported as a whole, by onSynced.
        if (this.#services.hasSynced && this.#called().has(event.key)) serviceChanged(event);
      },
      onSynced: onChange,
    });
    this.#endpoints = new Informer(context, {
      kind: 'EndpointSlice',
      resource: API_SERVER_SLICES,
      project: readApiServerSlice,
      onChange: ifChanged<readonly string[]>(onChange, []),
      onSynced: onChange,
    });
    this.#informers = new InformerGroup(this.#all);
  }

  get #all() {
    return [...this.#sources, this.#services, this.#endpoints];
  }

  start(): void {
    this.#informers.start();
    this.#cancel = this.#clock.setTimeout(() => {
      this.#isPatient = false;
      this.#onChange();
    }, PATIENCE_MS);
  }

  async stop(): Promise<void> {
    this.#cancel();
    await this.#informers.stop();
  }

  /** True once every kind is listed, or the time to wait for the others is over. */
  get hasSynced(): boolean {
    return !this.#isPatient || this.#informers.hasSynced;
  }

  snapshot(): Snapshot {
    const unlisted = this.#all.filter(({ hasSynced }) => !hasSynced);
    return {
      apiServerBackends: this.#backends(),
      services: [...this.#called()].flatMap((key) => this.#services.store.get(key) ?? []),
      apiServerEndpoints: this.#endpoints.hasSynced ? this.#endpoints.store.list().flat() : UNKNOWN,
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
