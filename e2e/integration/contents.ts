import { systemClock } from '../../src/cluster/clock.ts';
import { Reflector } from '../../src/cluster/informer/reflector.ts';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import type { ChangeEvent } from '../../src/cluster/informer/store.ts';
import { recordingLogger } from '../../src/cluster/testing/logs.ts';
import type { Transport } from '../../src/cluster/http/transport.ts';
import { generatedKinds, kindResource } from '../../src/controller/objects/kinds.ts';

/** How generated objects change, as a watch shows it. */
export interface Contents extends AsyncDisposable {
  /** How many times each object has come to say something else than before, by `globalnetworkpolicies/NAME`. Going counts too. */
  changes(): ReadonlyMap<string, number>;
}

const plurals: ReadonlySet<string> = new Set(generatedKinds.map((kind) => kindResource(kind).plural));

/** Whether an audited target, `globalnetworkpolicies/NAME`, is of a kind that the operator generates. */
export const isGenerated = (target: string): boolean => plurals.has(target.split('/', 1)[0] ?? '');

/** All that an object says, and nothing of when and by whom it was written. */
function contentOf({ metadata: { labels, annotations }, ...object }: KubernetesObject): string {
  return JSON.stringify([object['spec'], labels, annotations]);
}

/** Follows every generated kind from now on. */
export async function followContents(transport: Transport): Promise<Contents> {
  const changes = new Map<string, number>();
  let began = false;
  const stop = new AbortController();
  const follow = (kind: (typeof generatedKinds)[number]) => {
    const resource = kindResource(kind);
    const onChange = (event: ChangeEvent<string>): void => {
      if (!began || (event.type === 'modified' && event.old === event.new)) return;
      const key = `${resource.plural}/${event.key.split('/').at(-1) ?? ''}`;
      changes.set(key, (changes.get(key) ?? 0) + 1);
    };
    const parts = { transport, clock: systemClock, log: recordingLogger() };
    const reflector = new Reflector({ ...parts, resource, project: contentOf, onChange });
    const ended = reflector.start(stop.signal);
    return { ended, synced: reflector.waitForSync(AbortSignal.timeout(30_000)) };
  };
  const followed = generatedKinds.map(follow);
  await Promise.all(followed.map(({ synced }) => synced));
  began = true;
  return {
    changes: () => changes,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(followed.map(({ ended }) => ended));
    },
  };
}
