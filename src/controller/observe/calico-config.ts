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
import { DEFAULT_TIER } from '../../compiler/names.ts';
import type { FelixConfigurationInfo, Inventory, NamespacePolicyInfo } from '../../inventory/types.ts';
import type { Reading } from '../../inventory/unreadable.ts';
import type { Logger } from '../../cluster/logger.ts';
import { both, LastKnown, type Remembered } from './last-known.ts';
import { readFailsafes, type StoredFailsafes } from './stored-failsafes.ts';
import { CALICO_GROUP, CALICO_VERSION, READ_KINDS, type ReadKind } from '../objects/kinds.ts';
import type { LiveObject } from '../objects/live.ts';
import { Informer, type InformerContext, type InformerOptions } from '../../cluster/informer/informer.ts';
import { InformerGroup, type Informers } from '../../cluster/informer/informer-group.ts';

type Snapshot = Pick<
  Inventory,
  'ipPools' | 'felixConfigurations' | 'bgpPeers' | 'automaticHostEndpoints' | 'unreadable'
>;

interface FelixState {
  readonly info: FelixConfigurationInfo;
  readonly failsafes: StoredFailsafes;
}

/** The memory of what could be read. It outlives a CalicoConfig, which begins anew when Calico is upgraded. */
export class CalicoMemory {
  readonly pools: LastKnown<readonly string[]>;
  readonly felix: LastKnown<FelixState>;
  readonly peers: LastKnown<readonly string[]>;

  constructor(log: Logger) {
    this.pools = new LastKnown({ read: readIPPool, keep: both, log });
    this.peers = new LastKnown({ read: readBGPPeer, keep: both, log });
    this.felix = new LastKnown<FelixState>({ read: readFelix, keep: keepPorts, log });
  }
}

function readFelix(object: KubernetesObject): Reading<FelixState> {
  const { value, flaws } = readFelixConfiguration(object);
  return { value: { info: value, failsafes: readFailsafes(object) }, flaws };
}

/** Ports are the only fields that are checked. */
function keepPorts(now: FelixState, { info: { vxlanPort, wireguardPorts } }: FelixState): FelixState {
  const before = {
    ...(vxlanPort !== undefined && { vxlanPort }),
    ...(wireguardPorts !== undefined && { wireguardPorts }),
  };
  return { ...now, info: { ...before, ...now.info } };
}

/** IPPools and Calico's configurations, each where it is served. */
export class CalicoConfig {
  readonly informers: Informers;
  readonly #pools: Informer<Remembered<readonly string[]>> | undefined;
  readonly #felix: Informer<Remembered<FelixState>> | undefined;
  readonly #peers: Informer<Remembered<readonly string[]>> | undefined;
  readonly #controllers: Informer<boolean> | undefined;

  /** @param onChange called when something that the compiler sees changed */
  constructor(
    read: ReadonlySet<ReadKind>,
    context: InformerContext,
    onChange: () => void,
    memory = new CalicoMemory(context.log),
  ) {
    const options = <T>(kind: ReadKind): Omit<InformerOptions<T>, 'project'> => ({
      kind,
      resource: { group: CALICO_GROUP, version: CALICO_VERSION, plural: READ_KINDS[kind] },
      onSynced: onChange,
      onChange: ifChanged<T>(onChange),
    });
    const remembered = <T>(kind: ReadKind, lastKnown: LastKnown<T>): Informer<Remembered<T>> | undefined =>
      read.has(kind) ? lastKnown.informer(context, options(kind)) : undefined;
    this.#pools = remembered('IPPool', memory.pools);
    this.#felix = remembered('FelixConfiguration', memory.felix);
    this.#peers = remembered('BGPPeer', memory.peers);
    this.#controllers = read.has('KubeControllersConfiguration')
      ? new Informer(context, { ...options('KubeControllersConfiguration'), project: makesHostEndpoints })
      : undefined;
    const all = [this.#pools, this.#felix, this.#peers, this.#controllers];
    this.informers = new InformerGroup(all.filter((each) => each !== undefined));
  }

  /** Reads FelixConfiguration `default`; undefined where there is none. */
  failsafes(): StoredFailsafes | undefined {
    return this.#felix?.store.list().find(({ value }) => value.info.name === 'default')?.value.failsafes;
  }

  /**
   * Lists are sorted. A kind that is not served is unknown, except for automatic host endpoints: without
   * their configuration nobody makes any.
   */
  snapshot(): Snapshot {
    const pools = this.#pools?.store.list();
    const felix = this.#felix?.store.list();
    const peers = this.#peers?.store.list();
    return {
      ipPools: pools === undefined ? UNKNOWN : pools.flatMap(({ value }) => value).sort(),
      ...(felix && { felixConfigurations: felix.map(({ value }) => value.info) }),
      ...(peers && { bgpPeers: [...new Set(peers.flatMap(({ value }) => value))].sort() }),
      automaticHostEndpoints: this.#controllers?.store.list().includes(true) ?? false,
      unreadable: [...(pools ?? []), ...(felix ?? []), ...(peers ?? [])].flatMap(
        ({ unreadable }) => unreadable,
      ),
    };
  }
}

/** The objects of others that count, each list sorted. */
export function othersOf(
  live: readonly LiveObject[],
): Required<
  Pick<Inventory, 'hostEndpoints' | 'foreignPolicies' | 'foreignSets' | 'foreignTiers' | 'tierNamespaces'>
> {
  const others = live.flatMap((object) => (object.ours ? [] : [object]));
  return {
    hostEndpoints: others.flatMap(({ hostEndpoint }) => hostEndpoint ?? []).sort(byName),
    foreignPolicies: others.flatMap(({ policy }) => policy ?? []).sort(byName),
    foreignSets: others.flatMap(({ set }) => set ?? []).sort(byName),
    foreignTiers: others.flatMap(({ tier }) => tier ?? []).sort(byName),
    tierNamespaces: tierNamespaces(others.flatMap(({ namespacePolicy }) => namespacePolicy ?? [])),
  };
}

/** Tenants have their rights in tier default. A policy in another tier is a matter of that tier. */
function tierNamespaces(policies: readonly NamespacePolicyInfo[]): readonly string[] {
  const allowing = policies.filter(
    ({ tier, allows }) => tier !== DEFAULT_TIER && (allows.ingress || allows.egress),
  );
  return [...new Set(allowing.map(({ tier, namespace }) => `${tier}/${namespace}`))].sort();
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : 1;
