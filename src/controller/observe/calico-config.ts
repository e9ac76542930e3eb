/** What is only read of Calico, as plain data for the compiler. */
import {
  makesHostEndpoints,
  readBGPPeer,
  readFelixConfiguration,
  readIPPool,
} from '../../inventory/calico.ts';
import type { KubernetesObject } from '../../cluster/resource.ts';
import type { ChangeEvent } from '../../cluster/informer/store.ts';
import type { FelixConfigurationInfo, Inventory } from '../../inventory/types.ts';
import { readFailsafes, type StoredFailsafes } from './stored-failsafes.ts';
import { CALICO_GROUP, CALICO_VERSION, READ_KINDS, type ReadKind } from '../objects/kinds.ts';
import type { LiveObject } from '../objects/live.ts';
import { Informer, type InformerContext } from '../../cluster/informer/informer.ts';
import { stableJson } from '../objects/content-hash.ts';

type Snapshot = Pick<Inventory, 'ipPools' | 'felixConfigurations' | 'bgpPeers' | 'automaticHostEndpoints'>;

interface FelixMirrored {
  readonly info: FelixConfigurationInfo;
  readonly failsafes: StoredFailsafes;
}

/** IPPools and Calico's configurations, each where it is served. */
export class CalicoConfig {
  readonly #pools: Informer<readonly string[]> | undefined;
  readonly #felix: Informer<FelixMirrored> | undefined;
  readonly #peers: Informer<readonly string[]> | undefined;
  readonly #controllers: Informer<boolean> | undefined;

  /** @param onChange called when something that the compiler sees changed */
  constructor(read: ReadonlySet<ReadKind>, context: InformerContext, onChange: () => void) {
    const mirror = <T>(kind: ReadKind, project: (object: KubernetesObject) => T): Informer<T> | undefined =>
      read.has(kind)
        ? new Informer<T>(context, {
            kind,
            resource: { group: CALICO_GROUP, version: CALICO_VERSION, plural: READ_KINDS[kind] },
            project,
            onChange: (event) => {
              if (isChange(event)) onChange();
            },
            onSynced: onChange,
          })
        : undefined;
    this.#pools = mirror('IPPool', readIPPool);
    this.#felix = mirror<FelixMirrored>('FelixConfiguration', (object) => ({
      info: readFelixConfiguration(object),
      failsafes: readFailsafes(object),
    }));
    this.#peers = mirror('BGPPeer', readBGPPeer);
    this.#controllers = mirror('KubeControllersConfiguration', makesHostEndpoints);
  }

  get #all() {
    return [this.#pools, this.#felix, this.#peers, this.#controllers].filter((each) => each !== undefined);
  }

  start(): void {
    for (const mirror of this.#all) mirror.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map((mirror) => mirror.stop()));
  }

  get hasSynced(): boolean {
    return this.#all.every((mirror) => mirror.hasSynced);
  }

  /** Of FelixConfiguration `default`; undefined where there is none. */
  failsafes(): StoredFailsafes | undefined {
    return this.#felix?.list().find(({ info }) => info.name === 'default')?.failsafes;
  }

  /** Lists are sorted; what is not served is absent, save automatic host endpoints: without their configuration nobody makes any. */
  snapshot(): Snapshot {
    return {
      ...(this.#pools && { ipPools: this.#pools.list().flat().sort() }),
      ...(this.#felix && { felixConfigurations: this.#felix.list().map(({ info }) => info) }),
      ...(this.#peers && { bgpPeers: [...new Set(this.#peers.list().flat())].sort() }),
      automaticHostEndpoints: this.#controllers?.list().includes(true) ?? false,
    };
  }
}

const isChange = (event: ChangeEvent<unknown>): boolean =>
  event.type !== 'modified' || stableJson(event.old) !== stableJson(event.new);

/** Host endpoints and global policies that are not ours, sorted by name. */
export function othersOf(
  live: readonly LiveObject[],
): Required<Pick<Inventory, 'hostEndpoints' | 'foreignPolicies'>> {
  const others = live.flatMap((object) => (object.ours ? [] : [object]));
  return {
    hostEndpoints: others.flatMap(({ hostEndpoint }) => hostEndpoint ?? []).sort(byName),
    foreignPolicies: others.flatMap(({ policy }) => policy ?? []).sort(byName),
  };
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : 1;
