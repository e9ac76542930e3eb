/** The flows that were seen, each with the verdict that it would get with everything enforced. */
import { causeOf, type Cause } from '../questions/cause.ts';
import type { Setting } from '../questions/explain.ts';
import { nearestRule, type Nearest } from '../questions/nearest.ts';
import type { Verdict } from '../simulator/decision.ts';
import type { Prepared } from '../simulator/prepared.ts';
import type { Outcome, Step } from '../simulator/trail.ts';
import { podName } from '../simulator/world.ts';
import type { End } from './ends.ts';
import { judge, type Judgement } from './judge.ts';
import type { Counted, Lost, Tally } from './tally.ts';

/** Flows of one program, node or part of the world to another, on one port, with one verdict. */
export interface Observed {
  readonly from: string;
  readonly to: string;
  readonly protocol: number;
  readonly port: number;
  /** The port of a node or Service that led there. */
  readonly sentPort?: number;
  readonly connections: number;
  readonly unanswered: number;
  readonly lastSeen?: number;
  readonly verdict: Verdict;
  /** Policies decide. A flow that something else denies was denied before. */
  readonly isByPolicy: boolean;
  /** The place that denies it: `shop/db`, or `node worker1`. */
  readonly refusedBy?: string;
  readonly side?: 'source' | 'destination';
  readonly why: string;
  readonly rule?: Cause['rule'];
  readonly nearest?: Nearest;
  /** Calico's own verdict, where it is another one. */
  readonly calico?: 'Allowed' | 'Denied';
}

export interface Observation {
  /** Refused ones first, then unknown ones, each by their number. */
  readonly flows: readonly Observed[];
  readonly lost: readonly Lost[];
  readonly foreign: number;
}

export interface Judged extends Counted {
  readonly judgement: Judgement;
}

export const judged = (prepared: Prepared, tally: Tally): readonly Judged[] =>
  tally.counted().map((each) => ({ ...each, judgement: judge(prepared, each.from, each.to, each) }));

/** True for a flow that Enforce refuses, and that is not refused whatever policies say. */
export const isRefused = ({ verdict, isByPolicy }: Pick<Judgement, 'verdict' | 'isByPolicy'>): boolean =>
  verdict === 'Denied' && isByPolicy;

export function observe(setting: Setting, tally: Tally): Observation {
  const { prepared } = setting;
  const all = judged(prepared, tally).map((each) => ({ each, shown: shownOf(setting, each) }));
  const groups = Map.groupBy(all, ({ each, shown }) => keyOf(each, shown));
  const flows = [...groups.values()].flatMap((of) => {
    const [first] = of;
    return first === undefined ? [] : [together(first.shown, of)];
  });
  return { flows: flows.sort(compare), lost: tally.lost(), foreign: tally.foreign };
}

/** All but the counts and the names of addresses outside. */
type Shown = Omit<Observed, 'from' | 'to' | 'connections' | 'unanswered' | 'lastSeen'>;

function shownOf({ prepared, provenance }: Setting, each: Judged): Shown {
  const { judgement, protocol, port, sent } = each;
  const { outcome, header, verdict, isByPolicy } = judgement;
  const calico = differing(each);
  const base = {
    protocol,
    port,
    ...(sent !== undefined && sent.port !== port && { sentPort: sent.port }),
    verdict,
    isByPolicy,
    ...(calico !== undefined && { calico }),
  };
  if (outcome === undefined || header === undefined) return { ...base, why: judgement.because ?? '' };
  const cause = causeOf(outcome.decisive, provenance);
  const why = judgement.because ?? cause.text;
  if (verdict !== 'Denied') return { ...base, why };
  const nearest =
    cause.denial === 'unopened' ? nearestRule(prepared, outcome.decisive, header, provenance) : undefined;
  return {
    ...base,
    why,
    refusedBy: placeName(prepared, outcome.decisive),
    side: isAtSource(outcome, each) ? 'source' : 'destination',
    ...(cause.rule !== undefined && { rule: cause.rule }),
    ...(nearest !== undefined && { nearest }),
  };
}

const AT_SOURCE: readonly Step['layer'][] = ['pod egress', 'host egress', 'pod to its node'];
const isAtSource = ({ decisive }: Outcome, { from }: Counted): boolean =>
  AT_SOURCE.includes(decisive.layer) && from.address === undefined;

function placeName(prepared: Prepared, { layer, source, destination, node }: Step): string {
  const place = layer.startsWith('pod ')
    ? prepared.placeOf(layer === 'pod ingress' ? destination : source)
    : undefined;
  return place?.kind === 'pod' ? `pod ${podName(place.pod)}` : `node ${node}`;
}

/** Calico's verdict at an end, where the simulator has another one for the same end. */
function differing({ pending, judgement }: Judged): Observed['calico'] {
  const steps = judgement.outcome?.steps ?? [];
  for (const [at, layer] of [
    ['source', 'pod egress'],
    ['destination', 'pod ingress'],
  ] as const) {
    const own = steps.findLast((step) => step.layer === layer)?.decision.verdict;
    const calico = pending[at];
    if (calico === undefined) continue;
    if (judgement.verdict === 'Unknown' || (own !== undefined && own !== calico)) return calico;
  }
  return undefined;
}

/** Pods of one program and addresses of one class count together. */
const endKey = ({ key, name }: End): string => (name === '' ? key : name);

const keyOf = ({ from, to }: Counted, { nearest, rule, refusedBy, ...shown }: Shown): string =>
  JSON.stringify([
    endKey(from),
    endKey(to),
    shown,
    nearest?.rule?.id ?? nearest?.policy.name,
    rule?.id,
    refusedBy?.startsWith('node') === true ? refusedBy : '',
  ]);

interface Pair {
  readonly each: Judged;
  readonly shown: Shown;
}

function together(shown: Shown, of: readonly Pair[]): Observed {
  const counted = of.map(({ each }) => each);
  const sum = (key: 'connections' | 'unanswered'): number =>
    counted.reduce((total, each) => total + each[key], 0);
  const times = counted.flatMap(({ lastSeen }) => lastSeen ?? []);
  return {
    from: nameOf(counted, 'from'),
    to: nameOf(counted, 'to'),
    ...shown,
    connections: sum('connections'),
    unanswered: sum('unanswered'),
    ...(times.length > 0 && { lastSeen: Math.max(...times) }),
  };
}

const MOST_NAMED = 3;

/** Addresses outside are named as far as a person reads them. */
function nameOf(counted: readonly Judged[], side: 'from' | 'to'): string {
  const [first] = counted;
  if (first === undefined || first[side].name !== '') return first?.[side].name ?? '';
  const addresses = [...new Set(counted.flatMap((each) => [...each.addresses.keys()]))].sort();
  const hasMore = counted.some(({ hasMoreAddresses }) => hasMoreAddresses);
  if (addresses.length <= MOST_NAMED && !hasMore) return addresses.join(', ');
  const count = `${hasMore ? 'more than ' : ''}${String(addresses.length)}`;
  return `${count} addresses outside, as ${addresses[0] ?? ''}`;
}

const RANK: Readonly<Record<Verdict, number>> = { Denied: 0, Unknown: 1, Allowed: 2 };

const compare = (a: Observed, b: Observed): number =>
  Number(isRefused(b)) - Number(isRefused(a)) ||
  RANK[a.verdict] - RANK[b.verdict] ||
  b.connections - a.connections ||
  textOf(a).localeCompare(textOf(b), 'en');
const textOf = ({ from, to, protocol, port }: Observed): string =>
  `${from} ${to} ${String(protocol)} ${String(port).padStart(5)}`;
