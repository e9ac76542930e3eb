/** What the API server calls in the cluster, and where it is itself, as plain data for the compiler. */
import {
  API_SERVER_SLICES,
  BACKEND_SOURCES,
  readApiServerSlice,
  readBackends,
  readService,
  SERVICES,
} from '../../inventory/api-server.ts';
import type { Clock } from '../../cluster/clock.ts';
import type { ChangeEvent } from '../../cluster/informer/store.ts';
import type { ApiServerBackend, Inventory, ServiceInfo } from '../../inventory/types.ts';
import { Informer, type InformerContext } from '../../cluster/informer/informer.ts';
import { stableJson } from '../objects/content-hash.ts';

type Snapshot = Pick<Inventory, 'apiServerBackends' | 'services' | 'apiServerEndpoints' | 'unseen'>;

/**
 * A kind that cannot be listed for so long (rights that are missing, an API that is not served) is gone without: the rest of the
 * firewall does not depend on it.
 */
const PATIENCE_MS = 10_000;

export class ApiServerCallees {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #sources: readonly Informer<readonly ApiServerBackend[]>[];
  /** Of the whole cluster: which of them will be called is not known before, and little is kept of each. */
  readonly #services: Informer<ServiceInfo>;
  readonly #endpoints: Informer<readonly string[]>;
  #isPatient = true;
  #cancel: () => void = () => undefined;

  /** @param onChange called when something that the compiler sees changed, and when a missing kind is no longer waited for */
  constructor(context: InformerContext, onChange: () => void) {
    this.#clock = context.clock;
    this.#onChange = onChange;
    const mirrored = { onSynced: onChange };
    this.#sources = BACKEND_SOURCES.map(
      (source) =>
        new Informer(context, {
          ...mirrored,
          kind: source.kind,
          resource: source.resource,
          pageSize: source.pageSize,
          project: (object) => readBackends(source, object),
          onChange: (event) => {
            if (isChange(event)) onChange();
          },
        }),
    );
    this.#services = new Informer(context, {
      ...mirrored,
      kind: 'Service',
      resource: SERVICES,
      project: readService,
      onChange: (event) => {
        // Of the first list onSynced tells.
        if (this.#services.hasSynced && this.#isCalled(event.key) && isChange(event)) onChange();
      },
    });
    this.#endpoints = new Informer(context, {
      ...mirrored,
      kind: 'EndpointSlice',
      resource: API_SERVER_SLICES,
      project: readApiServerSlice,
      onChange: (event) => {
        if (isChange(event)) onChange();
      },
    });
  }

  get #all(): readonly Pick<Informer<unknown>, 'start' | 'stop' | 'hasSynced' | 'resource'>[] {
    return [...this.#sources, this.#services, this.#endpoints];
  }

  start(): void {
    for (const mirror of this.#all) mirror.start();
    this.#cancel = this.#clock.setTimeout(() => {
      this.#isPatient = false;
      this.#onChange();
    }, PATIENCE_MS);
  }

  async stop(): Promise<void> {
    this.#cancel();
    await Promise.all(this.#all.map((mirror) => mirror.stop()));
  }

  /** True once everything is listed that can be. */
  get hasSynced(): boolean {
    return !this.#isPatient || this.#all.every(({ hasSynced }) => hasSynced);
  }

  snapshot(): Snapshot {
    const unseen = this.#all.filter(({ hasSynced }) => !hasSynced);
    return {
      apiServerBackends: this.#backends(),
      services: [...this.#called()].flatMap((key) => this.#services.get(key) ?? []),
      ...(this.#endpoints.hasSynced && { apiServerEndpoints: this.#endpoints.list().flat() }),
      ...(unseen.length > 0 && { unseen: unseen.map(({ resource }) => resource.plural) }),
    };
  }

  #backends(): readonly ApiServerBackend[] {
    return this.#sources.flatMap((source) => source.list().flat());
  }

  #called(): ReadonlySet<string> {
    return new Set(this.#backends().map(({ namespace, service }) => `${namespace}/${service}`));
  }

  #isCalled(key: string): boolean {
    return this.#called().has(key);
  }
}

/** Whether what the compiler sees of it is different; an object that names nothing may come and go. */
function isChange(event: ChangeEvent<unknown>): boolean {
  const before = event.type === 'added' ? [] : event.old;
  const after = event.type === 'deleted' ? [] : event.new;
  return stableJson(before) !== stableJson(after);
}
