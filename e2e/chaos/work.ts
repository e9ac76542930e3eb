/** Normal work during faults: changes of the spec, namespaces that come and go, edits by hand. */
import type { Api } from '../local/control-plane/api.ts';
import { untilAccepted } from './api.ts';
import type { Random } from '../harness/random.ts';
import type { Stage } from './stage.ts';
import { applyState, TENANT_LABELS, type State } from './state.ts';
import { generated } from './stored.ts';
import { CALICO } from '../harness/paths.ts';

export interface Work {
  readonly description: string;
  /** The firewall's states from before the work to after it. */
  readonly states: readonly State[];
  /** Resolves when the API server has accepted all of it, after any number of attempts. */
  run(stage: Stage): Promise<void>;
}

interface Step {
  readonly description: string;
  readonly to: State;
  readonly run: (stage: Stage) => Promise<void>;
}

const EXTRA_RULES = 10;

/** Possible changes of a spec. The first takes long enough to be interrupted. */
const CHANGES = {
  'many rules': (state) => ({ extraRules: state.extraRules > 0 ? 0 : EXTRA_RULES }),
  'rule renamed': (state) => ({ webRule: state.webRule === 'web' ? 'site' : 'web' }),
  'port opened or shut': (state) => ({ admin: !state.admin }),
  'node port opened or shut': (state) => ({ nodeAdmin: !state.nodeAdmin }),
  'peer grows or shrinks': (state) => ({ office: state.office === 'few' ? 'many' : 'few' }),
  'mode of a group': (state) => ({ observed: state.observed === 'none' ? 'app' : 'none' }),
  'mode of all': (state) => ({ observed: state.observed === 'none' ? 'all' : 'none' }),
} as const satisfies Readonly<Record<string, (state: State) => Partial<State>>>;

type Change = keyof typeof CHANGES;
const SMALL = (Object.keys(CHANGES) as readonly Change[]).filter((change) => change !== 'many rules');

/** A change that leaves Observe immediately, because in Observe few flows are refused and can be probed. */
const smallChange = (random: Random, { observed }: State): Change =>
  observed === 'all'
    ? 'mode of all'
    : random.pick(SMALL.filter((change) => observed === 'none' || change !== 'mode of all'));

/** A change that takes a second or two to write, then another one. */
export const longWork = (random: Random, state: State): Work =>
  inSequence(state, [
    (before) => specStep(before, ['many rules', smallChange(random, before)]),
    (before) => sideStep(random, before),
  ]);

export const shortWork = (random: Random, state: State): Work =>
  inSequence(state, [
    (before) => specStep(before, [smallChange(random, before)]),
    (before) => sideStep(random, before),
  ]);

function inSequence(state: State, makers: readonly ((before: State) => Step)[]): Work {
  const steps: Step[] = [];
  for (const make of makers) steps.push(make(steps.at(-1)?.to ?? state));
  return {
    description: steps.map(({ description }) => description).join(', '),
    states: [state, ...steps.map(({ to }) => to)],
    run: async (stage) => {
      for (const step of steps) {
        stage.state = step.to;
        await step.run(stage);
      }
    },
  };
}

function specStep(before: State, changes: readonly Change[]): Step {
  const to = changes.reduce<State>((state, change) => ({ ...state, ...CHANGES[change](state) }), before);
  return { description: changes.join(' and '), to, run: ({ api }) => applyState(api, to) };
}

function sideStep(random: Random, before: State): Step {
  const name = `team-${String(random.between(0, 999_999))}`;
  const to = { ...before, tenant: !before.tenant };
  return random.pick<Step>([
    { description: 'namespace created', to: before, run: ({ api }) => createNamespace(api, name) },
    { description: 'namespace relabelled', to, run: ({ api }) => labelTenant(api, to.tenant) },
    {
      description: 'edits by hand',
      to: before,
      run: async (stage) => {
        // Five of them within five minutes are a contest.
        stage.noteContest();
        await editSome(stage.api);
      },
    },
  ]);
}

const createNamespace = (api: Api, name: string): Promise<void> =>
  untilAccepted('the API server to accept a namespace', () =>
    api.apply(`/api/v1/namespaces/${name}`, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: TENANT_LABELS },
    }),
  );

const labelTenant = (api: Api, member: boolean): Promise<void> =>
  untilAccepted('the API server to accept a label', () =>
    api.mergePatch('/api/v1/namespaces/tenant', {
      metadata: { labels: { team: member ? TENANT_LABELS.team : null } },
    }),
  );

const EDITED = 3;

/**
 * Edits of policies that change no verdict. They are drift, and must be repaired without the loss of a
 * packet.
 */
async function editSome(api: Api): Promise<void> {
  let policies: readonly string[] = [];
  await untilAccepted('Calico to list its policies', async () => {
    policies = [...(await generated(api)).keys()].filter((id) => id.startsWith('GlobalNetworkPolicy/'));
  });
  for (const id of policies.slice(0, EDITED)) {
    const path = `${CALICO}/globalnetworkpolicies/${id.split('/')[1] ?? ''}`;
    await untilAccepted('Calico to accept an edit', () => nudge(api, path));
  }
}

/** Moves a policy to an equivalent order, because orders of ours leave gaps. */
export async function nudge(api: Api, path: string): Promise<void> {
  try {
    const { spec } = (await api.get(path)) as { readonly spec: { readonly order: number } };
    await api.mergePatch(path, { spec: { order: spec.order + 0.5 } });
  } catch (error) {
    // The operator has rightly removed it in the meantime.
    if (!isNotFound(error)) throw error;
  }
}

export const isNotFound = (error: unknown): boolean => error instanceof Error && / 404 /.test(error.message);
