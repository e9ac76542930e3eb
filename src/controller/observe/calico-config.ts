/** The kinds of Calico's that the operator only reads, as plain data for the compiler. */
import {
  makesHostEndpoints,
  readBGPPeer,
  readFelixConfiguration,
  readIPPool,
} from '../../inventory/calico.ts';
import type { KubernetesObject } from '../../cluster/resource.ts';
import { ifChanged } from '../../cluster/informer/store.ts';
import { UNKNOWN } from '../../inventory/known.ts';
import type { FelixConfigurationInfo, Inventory } from '../../inventory/types.ts';
import { readFailsafes, type StoredFailsafes } from './stored-failsafes.ts';
import { CALICO_GROUP, CALICO_VERSION, READ_KINDS, type ReadKind } from '../objects/kinds.ts';
import type { LiveObject } from '../objects/live.ts';
import { Informer, type InformerContext } from '../../cluster/informer/informer.ts';
import { InformerGroup, type Informers } from '../../cluster/informer/informer-group.ts';

type Snapshot = Pick<Inventory, 'ipPools' | 'felixConfigurations' | 'bgpPeers' | 'automaticHostEndpoints'>;

interface FelixState {
  readonly info: FelixConfigurationInfo;
  readonly failsafes: StoredFailsafes;
}

/** IPPools and Calico's configurations, each where it is served. */
export class CalicoConfig {
  readonly informers: Informers;
  readonly #pools: Informer<readonly string[]> | undefined;
  readonly #felix: Informer<FelixState> | undefined;
  readonly #peers: Informer<readonly string[]> | undefined;
  readonly #controllers: Informer<boolean> | undefined;

  /** @param onChange called when something that the compiler sees changed */
  constructor(read: ReadonlySet<ReadKind>, context: InformerContext, onChange: () => void) {
    const informer = <T>(
      kind: ReadKind,
      project: (object: KubernetesObject) => T,
    ): Informer<T> | undefined =>
      read.has(kind)
        ? new Informer<T>(context, {
            kind,
            resource: { group: CALICO_GROUP, version: CALICO_VERSION, plural: READ_KINDS[kind] },
            project,
            onChange: ifChanged(onChange),
            onSynced: onChange,
          })
        : undefined;
    this.#pools = informer('IPPool', readIPPool);
    this.#felix = informer<FelixState>('FelixConfiguration', (object) => ({
      info: readFelixConfiguration(object),
      failsafes: readFailsafes(object),
    }));
    this.#peers = informer('BGPPeer', readBGPPeer);
    this.#controllers = informer('KubeControllersConfiguration', makesHostEndpoints);
    const all = [this.#pools, this.#felix, this.#peers, this.#controllers];
    this.informers = new InformerGroup(all.filter((each) => each !== undefined));
  }

  /** Reads FelixConfiguration `default`; undefined where there is none. */
  failsafes(): StoredFailsafes | undefined {
    return this.#felix?.store.list().find(({ info }) => info.name === 'default')?.failsafes;
  }

  /** Lists are sorted. A kind that is not served is unknown, except for automatic host endpoints: without their configuration nobody makes any. */
  snapshot(): Snapshot {
    return {
      ipPools: this.#pools === undefined ? UNKNOWN : this.#pools.store.list().flat().sort(),
      ...(this.#felix && { felixConfigurations: this.#felix.store.list().map(({ info }) => info) }),
      ...(this.#peers && { bgpPeers: [...new Set(this.#peers.store.list().flat())].sort() }),
      automaticHostEndpoints: this.#controllers?.store.list().includes(true) ?? false,
    };
  }
}

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
