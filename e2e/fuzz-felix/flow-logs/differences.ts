/** Where Felix's flow logs and the simulator say something else of the same decision. */
import type { Judgement, Logged } from './judgement.ts';

export interface Difference {
  readonly text: string;
  /** Those that it is about. None for a flow that the simulator knows nothing of. */
  readonly judgements: readonly Judgement[];
  /** True where flow logs have nothing yet. They come late. */
  readonly isMissing: boolean;
}

/**
 * Flow logs have no addresses, so packets of one key are compared as sets. One of staged policies is there for
 * all flows of a key.
 * @param before what was logged earlier. Flow logs repeat it while such a flow ends
 */
export function differences(
  judgements: readonly Judgement[],
  logged: readonly Logged[],
  before: readonly Logged[],
): readonly Difference[] {
  const [said, earlier] = [byKey(logged), byKey(before)];
  const expected = Map.groupBy(judgements, ({ key }) => key);
  const found = [...expected].flatMap(([key, own]) =>
    differencesOf(key, own, { logged: said.get(key) ?? [], before: earlier.get(key) ?? [] }),
  );
  const unknown = [...said].filter(([key]) => !expected.has(key) && !earlier.has(key));
  return [
    ...found,
    ...unknown.map(([key, of]) => ({
      text: `${key}\n  simulator: no such decision\n  Felix: ${list(of.map(({ enforced }) => enforced))}`,
      judgements: [],
      isMissing: false,
    })),
  ];
}

const byKey = (logged: readonly Logged[]): ReadonlyMap<string, readonly Logged[]> =>
  Map.groupBy(logged, ({ key }) => key);

interface Said {
  readonly logged: readonly Logged[];
  readonly before: readonly Logged[];
}

function differencesOf(
  key: string,
  judgements: readonly Judgement[],
  { logged, before }: Said,
): readonly Difference[] {
  const sure = judgements.filter(({ isLogged }) => isLogged);
  return (['enforced', 'pending'] as const).flatMap((which) => {
    const said = new Set(logged.map((each) => each[which]));
    const old = new Set(before.map((each) => each[which]));
    const known = new Set(judgements.flatMap((each) => each[which]));
    const isAsked = which === 'enforced' || judgements.every(({ pending }) => pending.length > 0);
    if (!isAsked) return [];
    // A host endpoint that decides later, on the same node, takes the place of the pod. `Pending` is there once.
    const isSaid = ({ packet }: Judgement): boolean =>
      judgements.some(
        (each) =>
          (each.packet === packet || which === 'pending') && each[which].some((text) => said.has(text)),
      );
    const missing = sure.filter((each) => !isSaid(each));
    const extra = [...said].filter((text) => !known.has(text) && !old.has(text));
    if (missing.length === 0 && extra.length === 0) return [];
    const wanted = missing.length > 0 ? missing : judgements;
    return [
      {
        text: `${key} (${which})\n  simulator: ${list(wanted.flatMap((each) => each[which].slice(0, 1)))}\n  Felix: ${list([...said])}`,
        judgements,
        isMissing: missing.length > 0,
      },
    ];
  });
}

const list = (texts: readonly string[]): string =>
  texts.length === 0 ? 'nothing' : [...new Set(texts)].join(', or ');
