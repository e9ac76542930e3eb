import type { GeneratedKind } from '../calico/types.ts';
import { sleep } from '../cluster/clock.ts';
import { isRecord, type KubernetesObject } from '../cluster/resource.ts';
import type { ServedCalico } from './calico-api.ts';
import { CALICO_GROUP, CALICO_VERSION, generatedKinds, IP_POOLS, kindResource } from './kinds.ts';
import { projectLive, type LiveObject } from './live.ts';
import { Mirror, type MirrorContext } from './mirror.ts';
import { isAtLeast } from './version.ts';

/** A write whose effect must show in the watch: the object at this version or a later one, or its absence. */
export interface Expectation {
  readonly id: string;
  readonly kind: GeneratedKind;
  readonly uid: string;
  /** Undefined: the object with this uid is gone. */
  readonly resourceVersion: string | undefined;
}

/** A watch that has not shown a write by now is doubted. */
const DOUBT_MS = 1000;
const LIST_MS = 10_000;

const poolCidr = (object: KubernetesObject): string => {
  const spec = object['spec'];
  return isRecord(spec) && typeof spec['cidr'] === 'string' ? spec['cidr'] : '';
};

type ServedKinds = Pick<ServedCalico, 'kinds' | 'ipPools'>;

/** What is stored of Calico: every object of the generated kinds that are served, and the IPPools. */
export class StoredCalico {
  readonly #context: MirrorContext;
  readonly #objects = new Map<GeneratedKind, Mirror<LiveObject>>();
  readonly #pools: Mirror<string> | undefined;
  #changed = Promise.withResolvers<undefined>();

  constructor({ kinds, ipPools }: ServedKinds, context: MirrorContext, onChange: () => void) {
    this.#context = context;
    const known = new Set<string>();
    for (const kind of generatedKinds.filter((each) => kinds.has(each))) {
      const mirror = new Mirror<LiveObject>(context, {
        resource: kindResource(kind),
        project: projectLive(kind, known),
        onChange: (event) => {
          if (event.type === 'deleted' && event.old.ours) known.delete(event.old.uid);
          this.#wake();
          if (concernsUs(event)) onChange();
        },
        onSynced: onChange,
      });
      this.#objects.set(kind, mirror);
    }
    if (!ipPools) return;
    this.#pools = new Mirror(context, {
      resource: { group: CALICO_GROUP, version: CALICO_VERSION, plural: IP_POOLS },
      project: poolCidr,
      onChange,
      onSynced: onChange,
    });
  }

  start(): void {
    for (const mirror of this.#mirrors()) mirror.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#mirrors().map((mirror) => mirror.stop()));
  }

  get hasSynced(): boolean {
    return this.#mirrors().every((mirror) => mirror.hasSynced);
  }

  serves(kind: GeneratedKind): boolean {
    return this.#objects.has(kind);
  }

  objects(): readonly LiveObject[] {
    return [...this.#objects.values()].flatMap((mirror) => mirror.list());
  }

  /** CIDRs of the IPPools, sorted; undefined where there are no such things. */
  ipPools(): readonly string[] | undefined {
    return this.#pools?.list().toSorted();
  }

  /**
   * Resolves when the copy shows all these writes. A kind whose watch does not is listed anew, which is as good as having seen them: true
   * in the end unless an object is missing from that list too.
   */
  async shows(expected: readonly Expectation[], signal: AbortSignal): Promise<boolean> {
    const pending = (): readonly Expectation[] => expected.filter((each) => !this.#isShown(each));
    const doubtAt = this.#context.clock.now() + DOUBT_MS;
    while (pending().length > 0 && this.#context.clock.now() < doubtAt) {
      await this.#nextChange(doubtAt - this.#context.clock.now(), signal);
    }
    const doubted = new Set(pending().map(({ kind }) => kind));
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(LIST_MS)]);
    await Promise.all([...doubted].map(async (kind) => this.#objects.get(kind)?.refresh(deadline)));
    return pending().length === 0;
  }

  #isShown({ id, kind, uid, resourceVersion }: Expectation): boolean {
    const live = this.#objects.get(kind)?.get(id.slice(kind.length + 1));
    if (resourceVersion === undefined) return live?.ours !== true || live.uid !== uid;
    if (live?.ours !== true) return false;
    return live.uid !== uid || isAtLeast(live.resourceVersion, resourceVersion);
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

  #mirrors(): readonly (Mirror<LiveObject> | Mirror<string>)[] {
    return [...this.#objects.values(), ...(this.#pools === undefined ? [] : [this.#pools])];
  }
}

type LiveChange = { readonly old?: LiveObject; readonly new?: LiveObject };

/** Other people's policies come and go; only their names concern us, and those as they appear and disappear. */
function concernsUs({ old, new: now }: LiveChange): boolean {
  const ours = old?.ours === true || now?.ours === true;
  return ours || old === undefined || now === undefined;
}
