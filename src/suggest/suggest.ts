/**
 * Rules that allow the flows that were seen and that Enforce would refuse. The simulator tries them before
 * anybody sees them.
 */
import type { ClusterFirewall } from '../api/schema.ts';
import { containsCidr, parseAddress, parseCidr } from '../net/cidr.ts';
import { causeOf } from '../questions/cause.ts';
import type { Setting } from '../questions/explain.ts';
import { QuestionError } from '../questions/errors.ts';
import type { Prepared } from '../simulator/prepared.ts';
import type { End } from '../traffic/ends.ts';
import { judge } from '../traffic/judge.ts';
import { isRefused, judged, type Judged } from '../traffic/observed.ts';
import type { Tally } from '../traffic/tally.ts';
import { atomsFor, withNamedPeers, type Atom, type Known, type Reach } from './atoms.ts';
import { merged } from './merge.ts';
import { needOf, type Need } from './needs.ts';
import { place, type Placed } from './place.ts';
import { scannersIn } from './scans.ts';

export interface SuggestOptions {
  readonly reach: Reach;
  /** Addresses and names of ends for which rules are suggested although nobody answered them. */
  readonly include: ReadonlySet<string>;
}

export interface LeftOut {
  readonly flow: Judged;
  readonly why: string;
}

export interface Suggestion {
  readonly rules: readonly Placed[];
  /** All firewalls, with the rules. */
  readonly firewalls: readonly ClusterFirewall[];
  /** The world with the rules in force. */
  readonly after: Prepared;
  readonly leftOut: readonly LeftOut[];
  /** Kinds of flows that Enforce would refuse without the rules. */
  readonly refused: number;
}

/** @throws QuestionError where no firewall is given that could get rules */
export function suggest(setting: Setting, tally: Tally, options: SuggestOptions): Suggestion {
  const { prepared, firewalls, compiled } = setting;
  if (compiled === undefined || firewalls.length === 0)
    throw new QuestionError('rules are suggested for a ClusterFirewall: give its manifest with -f');
  const flows = judged(prepared, tally);
  const refused = flows.filter(({ judgement }) => isRefused(judgement));
  const leftOut: LeftOut[] = [];
  const atoms: Atom[] = [];
  const known = knownIn(firewalls, options.reach);
  const scanners = scannersIn(tally.counted());
  for (const flow of refused) {
    for (const { part, why } of partsOf(flow, scanners, options.include)) {
      const need = why ?? needOf(prepared, part);
      const found = typeof need === 'string' ? need : atomsFor(need, known);
      if (typeof found === 'string') leftOut.push({ flow: part, why: found });
      else atoms.push(...found);
    }
  }
  return tried(setting, compiled, {
    atoms: merged(atoms).map((atom) => withNamedPeers(atom, known)),
    leftOut,
    refused: new Set(refused.map(kindOf)).size,
  });
}

/** As `observe` counts them: programs and ports, not single pods. */
const kindOf = ({ from, to, protocol, port, sent }: Judged): string =>
  JSON.stringify([from.name || from.key, to.name || to.key, protocol, port, sent?.port]);

interface Part {
  readonly part: Judged;
  /** Why it gets no rule. */
  readonly why?: string;
}

/** A flow from addresses outside falls into those that get rules, and those that do not. */
function partsOf(flow: Judged, scanners: ReadonlySet<string>, include: ReadonlySet<string>): readonly Part[] {
  const { from, connections, unanswered } = flow;
  const reasonFor = (source: string, name: string, isUnanswered: boolean): string | undefined => {
    if (include.has(name)) return undefined;
    if (scanners.has(source))
      return `it looks like a scan, because most of what this source asked for never answered: --include ${name} suggests it`;
    return isUnanswered ? `nobody answered it: --include ${name} suggests it` : undefined;
  };
  if (from.address === undefined) {
    const why = reasonFor(from.key, from.name, unanswered >= connections);
    return [{ part: limitedTo(flow, flow.addresses), ...(why !== undefined && { why }) }];
  }
  const reasons = Map.groupBy([...flow.addresses], ([address, count]) =>
    reasonFor(address, address, count.unanswered >= count.connections),
  );
  return [...reasons].map(([why, of]) => ({
    part: limitedTo(flow, new Map(of)),
    ...(why !== undefined && { why }),
  }));
}

/** The flow as far as it is about these addresses outside. All of them are judged. */
function limitedTo(flow: Judged, addresses: Judged['addresses']): Judged {
  if (addresses.size === 0) return flow;
  const limited = (end: End): End => {
    const [first] = end.candidates;
    if (end.address === undefined || first.kind !== 'outside') return end;
    const [one = first, ...others] = [...addresses.keys()].map((address) => ({ ...first, address }));
    return { ...end, candidates: [one, ...others] };
  };
  const counts = [...addresses.values()];
  return {
    ...flow,
    from: limited(flow.from),
    to: limited(flow.to),
    addresses,
    ...(!flow.hasMoreAddresses && {
      connections: counts.reduce((sum, each) => sum + each.connections, 0),
      unanswered: counts.reduce((sum, each) => sum + each.unanswered, 0),
    }),
  };
}

function knownIn(firewalls: readonly ClusterFirewall[], reach: Reach): Known {
  const peers = firewalls
    .flatMap(({ spec }) => spec.peers ?? [])
    .flatMap(({ name, cidrs }) => {
      if (cidrs === undefined) return [];
      const nets = cidrs.map(parseCidr);
      const has = (address: string): boolean => nets.some((net) => containsCidr(net, parseAddress(address)));
      const size = nets.reduce((sum, net) => sum + 2 ** ((net.family === 4 ? 32 : 128) - net.prefix), 0);
      return [{ name, has, size }];
    });
  return {
    peers: peers.sort((a, b) => a.size - b.size),
    hasNodes: firewalls.some(({ spec }) => spec.nodes !== undefined),
    reach,
  };
}

interface Drafted {
  readonly atoms: readonly Atom[];
  readonly leftOut: readonly LeftOut[];
  readonly refused: number;
}

/** Rules whose flows stay refused are dropped, with the reason that the simulator gives. */
function tried(
  { firewalls, prepared, provenance }: Setting,
  compiled: NonNullable<Setting['compiled']>,
  { atoms, leftOut, refused }: Drafted,
): Suggestion {
  const draft = place(firewalls, atoms);
  const world = compiled(draft.firewalls);
  const failed = new Map<Need, string>();
  for (const need of new Set(atoms.flatMap(({ needs }) => needs))) {
    const why = stillRefused(world, need);
    if (why !== undefined) failed.set(need, why);
  }
  const lost = [...failed].map(([{ flow }, why]) => ({ flow, why }));
  const kept = atoms.filter(({ needs }) => needs.some((need) => !failed.has(need)));
  const final = place(firewalls, withoutIdle(kept));
  return {
    rules: final.placed,
    firewalls: final.firewalls,
    after: final.placed.length === 0 ? prepared : compiled(final.firewalls),
    leftOut: [...leftOut, ...lost],
    refused,
  };

  /** Another rule may open a pod to nodes already: one with nodePorts does. */
  function withoutIdle(all: readonly Atom[]): readonly Atom[] {
    const fromNodes = all.filter(
      ({ peers }) => peers.length > 0 && peers.every(({ kind }) => kind === 'node'),
    );
    return fromNodes.reduce((left, atom) => {
      const others = left.filter((each) => each !== atom);
      const without = compiled(place(firewalls, others).firewalls);
      const isIdle = atom.needs.every((need) => stillRefused(without, need) === undefined);
      return isIdle ? others : left;
    }, all);
  }

  function stillRefused(now: Prepared, { flow }: Need): string | undefined {
    const { verdict, outcome, because } = judge(now, flow.from, flow.to, flow);
    if (verdict === 'Allowed') return undefined;
    const why =
      because ?? (outcome && causeOf(outcome.decisive, provenance).text) ?? 'its verdict is not known';
    return `a rule alone does not allow it: ${why}`;
  }
}
