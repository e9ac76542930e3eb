import { isDeepStrictEqual } from 'node:util';
import type { GeneratedKind } from '../../calico/types.ts';
import { sleep } from '../../cluster/clock.ts';
import { isAtLeast } from '../../cluster/resource.ts';
import type { Inventory, NamespacePolicyInfo } from '../../inventory/types.ts';
import type { ServedCalico } from './calico-api.ts';
import { CalicoConfig, othersOf, type CalicoMemory } from './calico-config.ts';
import type { StoredFailsafes } from './stored-failsafes.ts';
import { generatedKinds, kindResource, objectId, type ObjectId } from '../objects/kinds.ts';
import type { HeartbeatObject } from '../../cluster/informer/heartbeat.ts';
import type { Authorship } from '../objects/authorship.ts';
import { projectLive, type LiveObject } from '../objects/live.ts';
import { Informer, type InformerContext } from '../../cluster/informer/informer.ts';
import { InformerGroup, type Informers } from '../../cluster/informer/informer-group.ts';
import { Impostors, type Questions } from './impostors.ts';
import { OtherPolicies } from './other-policies.ts';
import { ServiceCIDRs } from './service-cidrs.ts';
import { TierSight } from './tier-sight.ts';

/** A write whose effect must show in the watch: the object at this version or a later one, or its absence. */
export interface Expectation {
  readonly id: ObjectId;
  readonly kind: GeneratedKind;
  readonly uid: string;
  /** Undefined: the object with this uid is gone, or deleted and kept by finalizers of others. */
  readonly resourceVersion: string | undefined;
}

/** A watch that has not shown a write by now is doubted. */
const DOUBT_MS = 1000;
const LIST_MS = 10_000;

type ServedKinds = Pick<
  ServedCalico,
  'kinds' | 'read' | 'adminPolicies' | 'isInstallation' | 'hasServiceCIDRs'
>;

export interface GeneratedObjectsOptions {
  /** Called when something changed that plans depend on. */
  readonly onChange: () => void;
  /** True for a firewall whose objects we keep as they are: what was retained or orphaned is not touched. */
  readonly isKept: (firewall: string) => boolean;
  /** The default is an empty one. */
  readonly memory?: CalicoMemory;
  /** Which policies of namespaces are ours. */
  readonly authorship: Authorship;
}

export interface NamespacePolicies {
  readonly policies: readonly NamespacePolicyInfo[];
  /** False where Kubernetes' NetworkPolicies cannot be listed. */
  readonly isComplete: boolean;
}

/** The stored objects of Calico: all of the generated kinds that are served, and those that are only read. */
export class GeneratedObjects {
  readonly informers: Informers;
  readonly #context: InformerContext;
  readonly #objects = new Map<GeneratedKind, Informer<LiveObject>>();
  readonly #config: CalicoConfig;
  readonly #others: OtherPolicies;
  readonly #serviceCIDRs: ServiceCIDRs | undefined;
  readonly #sight: TierSight;
  readonly #isInstallation: boolean;
  readonly #impostors: Impostors;
  readonly #authorship: Authorship;
  /** Kinds of which something that was written does not show, and that could not be listed anew. */
  readonly #unsure = new Set<GeneratedKind>();
  #changed = Promise.withResolvers<undefined>();

  constructor(served: ServedKinds, context: InformerContext, options: GeneratedObjectsOptions) {
    const { kinds, read, adminPolicies, isInstallation, hasServiceCIDRs } = served;
    const { onChange, isKept, memory, authorship } = options;
    this.#context = context;
    this.#isInstallation = isInstallation;
    this.#impostors = new Impostors(context.transport, context.log);
    this.#authorship = authorship;
    const known = new Set<string>();
    for (const kind of generatedKinds.filter((each) => kinds.has(each))) {
      const informer = new Informer<LiveObject>(context, {
        kind,
        resource: kindResource(kind),
        project: projectLive(kind, known),
        // By uid, too: Calico's API server lists objects under names that are not theirs (impostors.ts).
        keyOf: ({ metadata }) => lifeKey(objectId(kind, metadata), metadata.uid),
        onChange: (event) => {
          if (event.type === 'deleted' && event.old.ours) known.delete(event.old.uid);
          this.#wake();
          if (kind === 'Tier' && !sameTiers(event)) this.#sight.lookAgain();
          if (concernsUs(event)) onChange();
          else if (kind === 'NetworkPolicy' && isForeign(event)) this.#others.noteTenantChange();
        },
        onSynced: () => {
          if (kind === 'Tier') this.#sight.lookAgain();
          onChange();
        },
        heartbeatObject: (live) => heartbeatObject(live, isKept),
      });
      this.#objects.set(kind, informer);
    }
    this.#config = new CalicoConfig(read, context, onChange, memory);
    this.#others = new OtherPolicies(adminPolicies, context, onChange);
    this.#serviceCIDRs = hasServiceCIDRs ? new ServiceCIDRs(context, onChange) : undefined;
    this.#sight = new TierSight(context, {
      tiers: () => this.#foreignTiers(),
      onChange,
      onSeen: () => {
        for (const kind of ['GlobalNetworkPolicy', 'NetworkPolicy'] as const)
          void this.#objects.get(kind)?.relist();
      },
    });
    this.informers = new InformerGroup([
      ...this.#objects.values(),
      this.#config.informers,
      this.#others,
      this.#sight,
      ...(this.#serviceCIDRs === undefined ? [] : [this.#serviceCIDRs.informers]),
    ]);
  }

  #foreignTiers(): readonly string[] | undefined {
    const tiers = this.#objects.get('Tier');
    return tiers?.hasSynced === true
      ? tiers.store.list().flatMap(({ ours, name }) => (ours ? [] : [name]))
      : undefined;
  }

  serves(kind: GeneratedKind): boolean {
    return this.#objects.has(kind);
  }

  objects(): readonly LiveObject[] {
    return this.#impostors.genuine(this.#everything());
  }

  /**
   * Finds out which objects are not what their names say, so that the others stand for those names.
   * @param questions see Impostors.verify
   * @throws ApiError or TransportError
   */
  async verify(questions: Questions, signal: AbortSignal): Promise<void> {
    await this.#impostors.verify(this.#everything(), questions, signal);
  }

  #everything(): readonly LiveObject[] {
    return this.#authorship.judged([...this.#objects.values()].flatMap(({ store }) => store.list()));
  }

  /** The objects of others, as the compiler sees them. */
  inventory(): Partial<Inventory> {
    return {
      ...this.#config.snapshot(),
      ...othersOf(this.objects()),
      ...this.#others.inventory(),
      ...this.#serviceCIDRs?.inventory(),
      unseenTiers: this.#sight.unseen,
      calicoInstallation: this.#isInstallation,
    };
  }

  /** NetworkPolicies of others, Calico's and Kubernetes', and those that say that they are ours and may not be. */
  namespacePolicies(): NamespacePolicies {
    const ofCalico = this.#everything().filter((live) => !live.ours || live.isOpen);
    const ofKubernetes = this.#others.networkPolicies();
    return {
      policies: [
        ...ofCalico.flatMap(({ namespacePolicy }) => namespacePolicy ?? []),
        ...(ofKubernetes ?? []),
      ],
      isComplete: ofKubernetes !== undefined,
    };
  }

  /** See CalicoConfig. */
  failsafes(): StoredFailsafes | undefined {
    return this.#config.failsafes();
  }

  /**
   * Resolves when the copy shows all these writes. A kind whose watch does not is listed anew, which is as
   * good as having seen them: true in the end unless an object is missing from that list too.
   */
  async shows(expected: readonly Expectation[], signal: AbortSignal): Promise<boolean> {
    const pending = (): readonly Expectation[] => expected.filter((each) => !this.#isShown(each));
    const doubtAt = this.#context.clock.now() + DOUBT_MS;
    while (pending().length > 0 && this.#context.clock.now() < doubtAt) {
      await this.#nextChange(doubtAt - this.#context.clock.now(), signal);
    }
    const doubted = new Set([...this.#unsure, ...pending().map(({ kind }) => kind)]);
    await this.#relist([...doubted], signal);
    return pending().length === 0;
  }

  async #relist(kinds: readonly GeneratedKind[], signal: AbortSignal): Promise<void> {
    const late = new AbortController();
    const cancel = this.#context.clock.setTimeout(() => {
      late.abort();
    }, LIST_MS);
    const deadline = AbortSignal.any([signal, late.signal]);
    await Promise.all(
      kinds.map(async (kind) => {
        if ((await this.#objects.get(kind)?.relist(deadline)) === false) this.#unsure.add(kind);
        else this.#unsure.delete(kind);
      }),
    );
    cancel();
  }

  /**
   * False while objects may be stored that the copy does not show: not the time to say that nothing is left.
   */
  get isSure(): boolean {
    return this.#unsure.size === 0;
  }

  #isShown({ id, kind, uid, resourceVersion }: Expectation): boolean {
    const live = this.#objects.get(kind)?.store.get(lifeKey(id, uid));
    if (resourceVersion === undefined)
      return live === undefined || (live.ours && live.waitsFor !== undefined) || this.#impostors.has(uid);
    return live?.ours === true && isAtLeast(live.resourceVersion, resourceVersion);
  }

  async #nextChange(ms: number, signal: AbortSignal): Promise<void> {
    const enough = new AbortController();
    const timeout = sleep(this.#context.clock, ms, AbortSignal.any([enough.signal, signal]));
    try {
      await Promise.race([this.#changed.promise, timeout]);
    } finally {
      timeout.catch(() => undefined);
      enough.abort();
    }
  }

  #wake(): void {
    this.#changed.resolve(undefined);
    this.#changed = Promise.withResolvers();
  }
}

const lifeKey = (id: ObjectId, uid: string): string => `${id}#${uid}`;

type LiveChange = { readonly old?: LiveObject; readonly new?: LiveObject };

/**
 * True for a change that plans depend on. An object of others matters when it appears or disappears, and when a
 * part of it that concerns nodes changes.
 */
function concernsUs({ old, new: now }: LiveChange): boolean {
  return old === undefined || now === undefined || !isDeepStrictEqual(planned(old), planned(now));
}

/**
 * The parts of an object that plans see. Its version and its last foreign writer are left out, because
 * heartbeats and labels of others change them. Rules of a tenant's policy are only counted, once a minute.
 */
const planned = (live: LiveObject): object => ({
  ...live,
  resourceVersion: undefined,
  foreignManager: undefined,
  namespacePolicy: undefined,
});

const isForeign = ({ old, new: now }: LiveChange): boolean => (now ?? old)?.ours === false;

const sameTiers = ({ old, new: now }: LiveChange): boolean => old?.ours === now?.ours;

function heartbeatObject(
  live: LiveObject,
  isKept: GeneratedObjectsOptions['isKept'],
): HeartbeatObject | undefined {
  if (!live.ours || live.firewall === undefined || !isKept(live.firewall)) return undefined;
  const { name, namespace, uid } = live;
  return { name, namespace, uid };
}
