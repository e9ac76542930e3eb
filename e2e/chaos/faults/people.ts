/** Faults by another client that does not know of the operator, or ignores it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Api } from '../../local/control-plane/api.ts';
import { CONTESTED } from '../flows.ts';
import { isNotFound, nudge, shortWork } from '../work.ts';
import { generated } from '../stored.ts';
import { seconds, type FaultClass } from './fault.ts';
import { CALICO } from '../../harness/paths.ts';

/** Changes of the policy of `contested`. Their effect on that one flow is the fault of the other client. */
const CHANGES = {
  edit: (api: Api, path: string) => nudge(api, path),
  empty: (api: Api, path: string) => api.mergePatch(path, { spec: { ingress: null } }),
  strip: (api: Api, path: string) =>
    api.mergePatch(path, { metadata: { labels: { 'app.kubernetes.io/managed-by': null } } }),
  delete: (api: Api, path: string) => api.delete(path),
} as const;

type Change = keyof typeof CHANGES;

export const fight: FaultClass = {
  name: 'fight',
  weight: 3,
  plan: (random, state, length) => {
    const work = shortWork(random, state);
    const change = random.pick(Object.keys(CHANGES) as readonly Change[]);
    const [lasts, every] = [length === 'full' ? random.between(2000, 8000) : 3000, random.between(50, 500)];
    return {
      parameters: `${change} every ${seconds(every)} for ${seconds(lasts)}; ${work.description}`,
      states: work.states,
      disturbed: [CONTESTED.id],
      run: async (stage) => {
        const done = work.run(stage);
        done.catch(() => undefined);
        const until = performance.now() + lasts;
        while (performance.now() < until) {
          await interfere(stage.api, change);
          await delay(every);
        }
        stage.noteContest();
        await done;
      },
    };
  },
};

async function interfere(api: Api, change: Change): Promise<void> {
  const objects = await generated(api);
  const id = [...objects.keys()].find((each) => /^(Staged)?NetworkPolicy\/contested\//.test(each));
  if (id === undefined) return; // It was deleted and is not restored yet.
  const [kind = '', namespace = '', name = ''] = id.split('/');
  const plural = kind === 'NetworkPolicy' ? 'networkpolicies' : 'stagednetworkpolicies';
  try {
    await CHANGES[change](api, `${CALICO}/namespaces/${namespace}/${plural}/${name}`);
  } catch (error) {
    // The operator wrote in between, or the object is gone. The next change will find it.
    if (!isNotFound(error) && !(error instanceof Error && / 409 /.test(error.message))) throw error;
  }
}
