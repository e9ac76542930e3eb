import { systemClock } from '../../src/cluster/clock.ts';
import { Reflector } from '../../src/cluster/informer/reflector.ts';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import type { ChangeEvent } from '../../src/cluster/informer/store.ts';
import { recordingLogger } from '../../src/cluster/testing/logs.ts';
import type { Transport } from '../../src/cluster/http/transport.ts';
import { generatedKinds, kindResource } from '../../src/controller/objects/kinds.ts';

/** Changes of generated objects, as a watch shows them. */
export interface Contents extends AsyncDisposable {
  /** Number of changes of each object's content, by `globalnetworkpolicies/NAME`. A deletion counts too. */
  changes(): ReadonlyMap<string, number>;
}

const plurals: ReadonlySet<string> = new Set(generatedKinds.map((kind) => kindResource(kind).plural));

/** True if an audited target, `globalnetworkpolicies/NAME`, is of a generated kind. */
export const isGenerated = (target: string): boolean => plurals.has(target.split('/', 1)[0] ?? '');

/** The content of an object, without the time and the author of its writes. */
function contentOf({ metadata: { labels, annotations }, ...object }: KubernetesObject): string {
  return JSON.stringify([object['spec'], labels, annotations]);
}

/** Follows all generated kinds from now on. */
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
