/**
 * The packets that a chain lets in, whatever criteria that are not understood would say: an allow with such a
 * criterion lets in nothing, and a deny with one drops all that it may match. So a result is never wider than the
 * chain.
 */
import { addressesOf, type Known, LOOPBACK } from '../addresses.ts';
import { type Box, type Opening, outside, within } from '../boxes.ts';
import type { Notes } from '../notes.ts';
import { ImportError, type Note, placeOf, type SourceLine } from '../result.ts';
import { covers, intersect, type Spans, union } from '../spans.ts';
import { ICMP, isEverything } from '../traffic.ts';
import { MatchError } from './networks.ts';
import { type Match, matchOf } from './match.ts';
import { type Parsed, parseRule } from './options.ts';
import type { Chain, Rule, Table } from './read.ts';
import type { Sets } from './sets.ts';

interface Outcome {
  readonly accepted: readonly Opening[];
  /** Packets that the end of the chain has to decide about. It may contain accepted ones. */
  readonly rest: readonly Box[];
}

/** Sources that a line drops altogether. */
export interface Refused {
  readonly sources: Spans;
  readonly line: SourceLine;
}

/** The jumps to a chain. */
interface Way {
  /** False where one has a criterion that is not understood. */
  readonly sure: boolean;
  /** True where one names sources. */
  readonly named: boolean;
}

interface Context {
  readonly known: Known;
  readonly sets: Sets;
  readonly notes: Notes;
}

/** Chains that programs of the cluster write, and go on writing. */
const OF_CLUSTER = /^(?:KUBE-|cali-|CNI-|CILIUM_|FLANNEL-|WEAVE-|kube-router)/;
export const isOfCluster = (chain: string): boolean => OF_CLUSTER.test(chain);

/** Targets that let the next line decide. */
const GOES_ON = new Set(
  'LOG NFLOG ULOG MARK CONNMARK CONNSECMARK SECMARK TCPMSS CT NOTRACK TRACE CLASSIFY DSCP TOS TTL HL CHECKSUM SET AUDIT'.split(
    ' ',
  ),
);
const LOGS = new Set(['LOG', 'NFLOG', 'ULOG']);
const DENIES = new Set(['DROP', 'REJECT', 'TARPIT']);

/** The fate of a line that decides about no packet here. */
function withoutVerdict(target: string): Pick<Note, 'fate' | 'why'> | undefined {
  if (target === '') return { fate: 'idle', why: 'it only counts' };
  if (LOGS.has(target))
    return { fate: 'left', why: '`log: Refused` logs what no rule lets in; single lines do not log' };
  if (GOES_ON.has(target)) return { fate: 'idle', why: `${target} decides about no packet` };
  if (isOfCluster(target))
    return { fate: 'builtIn', why: 'written by a program of the cluster, which goes on writing it' };
  return undefined;
}

/** A set of packets may become many boxes. Larger ones are refused in words. */
const MAX_BOXES = 5_000;

export class Evaluation {
  readonly refused: Refused[] = [];
  /** Lines whose addresses may be those of pods or nodes. */
  readonly ambiguous = new Set<SourceLine>();
  rejects = false;
  readonly #table: Table;
  readonly #context: Context;
  readonly #stack: string[] = [];

  constructor(table: Table, context: Context) {
    this.#table = table;
    this.#context = context;
  }

  chain(name: string, region: readonly Box[], way: Way = { sure: true, named: false }): Outcome {
    const chain = this.#chainNamed(name);
    this.#stack.push(name);
    const walk = new Walk(region);
    for (const rule of chain.rules) this.#rule(rule, walk, way);
    this.#stack.pop();
    return { accepted: walk.accepted, rest: [...walk.open, ...walk.returned] };
  }

  #chainNamed(name: string): Chain {
    const chain = this.#table.chains.get(name);
    if (chain === undefined || this.#stack.includes(name))
      throw new ImportError(`the chain ${name} of the table ${this.#table.name} is missing, or asks itself`);
    return chain;
  }

  #rule(rule: Rule, walk: Walk, way: Way): void {
    const { notes } = this.#context;
    const parsed = parseRule(rule.words);
    const target = parsed.target?.name ?? '';
    const plain = withoutVerdict(target);
    if (plain !== undefined) {
      notes.add(plain.fate, rule.line, plain.why);
      return;
    }
    const match = this.#match(parsed, rule);
    if (match.never !== undefined) {
      this.#skip(target);
      notes.add(match.never.builtIn ? 'builtIn' : 'idle', rule.line, match.never.why);
      return;
    }
    let hits = false;
    for (const { box, certain } of match.cases) {
      const hit = within(walk.open, [box]);
      if (hit.length === 0) continue;
      hits = true;
      if (!certain && match.unknown.length === 0) this.ambiguous.add(rule.line);
      this.#decide({ rule, parsed, target, match, hit, certain, way }, walk);
    }
    if (!hits) {
      this.#skip(target);
      notes.add('idle', rule.line, FAR);
    }
    if (walk.open.length > MAX_BOXES)
      throw new ImportError(
        `${placeOf(rule.line)}: these lines make more than ${String(MAX_BOXES)} combinations of sources and ports. Give a file with fewer lines that drop`,
      );
  }

  /** Notes the lines of a chain to which no packet comes from here. */
  #skip(name: string): void {
    const chain = this.#table.chains.get(name);
    if (chain === undefined || this.#stack.includes(name)) return;
    this.#stack.push(name);
    for (const { line, words } of chain.rules) {
      this.#context.notes.add('idle', line, FAR);
      this.#skip(parseRule(words).target?.name ?? '');
    }
    this.#stack.pop();
  }

  #match(parsed: Parsed, rule: Rule): Match {
    try {
      return matchOf(parsed, { family: this.#table.family, ...this.#context });
    } catch (error) {
      if (!(error instanceof MatchError)) throw error;
      throw new ImportError(`${placeOf(rule.line)}: ${error.message}`);
    }
  }

  #decide(step: Step, walk: Walk): void {
    const { target, parsed, hit, certain, way, rule } = step;
    if (target === 'ACCEPT') this.#accept(step, walk);
    else if (DENIES.has(target)) this.#deny(step, walk);
    else if (target === 'RETURN') {
      walk.open = outside(walk.open, hit);
      if (certain) walk.returned.push(...hit);
      this.#noteOther(step);
    } else if (this.#table.chains.has(target)) {
      const inner = this.chain(target, hit, {
        sure: way.sure && certain,
        named: way.named || namesSources(parsed),
      });
      const passed = [...inner.rest, ...outside(inner.accepted, inner.rest)];
      walk.open = outside(walk.open, hit);
      const isGoto = parsed.target?.isGoto === true;
      if (certain) {
        walk.accepted.push(...inner.accepted);
        (isGoto ? walk.returned : walk.open).push(...inner.rest);
      } else {
        // Without the jump the next line decides. After `--goto` the caller's may, too, so only what it accepts is known.
        walk.open.push(...(isGoto ? inner.accepted : passed));
      }
      this.#noteOther(step);
    } else if (OTHER_TARGETS.has(target)) {
      walk.open = outside(walk.open, hit);
      const why = `the target ${target} has no counterpart, so these packets stay closed`;
      this.#context.notes.add('left', rule.line, why);
    } else {
      throw new ImportError(
        `${placeOf(rule.line)} leads to ${target}, which is neither a chain of this file nor a known target. Give the whole output`,
      );
    }
  }

  #accept({ hit, certain, way, rule, match }: Step, walk: Walk): void {
    const { notes } = this.#context;
    const isICMP = hit.every(({ traffic }) => covers(ICMP, traffic));
    if (isICMP) notes.add('builtIn', rule.line, ICMP_OPEN);
    if (certain || isICMP) {
      walk.accepted.push(...hit.map((box) => ({ ...box, lines: [rule.line] })));
      if (!isICMP && way.sure) notes.add('taken', rule.line, 'opens');
      if (!isICMP && !way.sure)
        notes.add('left', rule.line, 'a line that leads here has a criterion that is not understood');
    } else if (match.unknown.length > 0) {
      notes.add('left', rule.line, `not opened: ${match.unknown.join('; ')}`);
    }
  }

  #deny({ hit, certain, way, rule, match, target, parsed }: Step, walk: Walk): void {
    const { notes } = this.#context;
    if (target === 'REJECT') this.rejects = true;
    walk.open = outside(walk.open, hit);
    if (hit.every(({ traffic }) => covers(ICMP, traffic))) {
      notes.add('left', rule.line, 'ICMP stays open: `baseline.disable: [icmp, icmpv6]` closes it');
    } else if (match.unknown.length > 0) {
      notes.add(
        'left',
        rule.line,
        `all that it may drop stays closed: ${match.unknown.join('; ')}. To open it without this criterion, delete the line and import again`,
      );
    } else if (certain) {
      const own = match.cases[0]?.box;
      const isForged = own !== undefined && covers(LOOPBACK, own.sources);
      notes.add(
        isForged ? 'builtIn' : 'taken',
        rule.line,
        isForged ? 'loopback addresses never come in' : 'stays closed',
      );
      if (way.sure && !isForged && (way.named || namesSources(parsed))) this.#refuse(hit, rule.line);
    }
  }

  /** Remembers sources that lose everything here. */
  #refuse(hit: readonly Box[], line: SourceLine): void {
    const every = addressesOf(this.#table.family);
    const whole = hit.filter((box) => isEverything(box.traffic) && covers(box.destinations, every));
    const sources = intersect(union(...whole.map((box) => box.sources)), every);
    if (sources.length > 0) this.refused.push({ sources, line });
  }

  #noteOther({ match, rule, certain, target }: Step): void {
    const { notes } = this.#context;
    if (match.unknown.length === 0) {
      if (certain) notes.add('taken', rule.line, target === 'RETURN' ? 'ends its chain' : 'leads on');
      return;
    }
    const why =
      target === 'RETURN'
        ? 'these packets stay closed'
        : 'nothing behind it is opened, and all that it may drop stays closed';
    notes.add('left', rule.line, `${why}: ${match.unknown.join('; ')}`);
  }
}

const FAR = 'no packet comes as far as this line';
const ICMP_OPEN = 'ICMP is open by the baseline';
const OTHER_TARGETS = new Set(
  'QUEUE NFQUEUE SYNPROXY DNAT SNAT REDIRECT MASQUERADE TPROXY TEE NETMAP'.split(' '),
);

const namesSources = ({ options }: Parsed): boolean =>
  options.some(({ name, negated }) => !negated && ['source', 'src-range', 'match-set'].includes(name));

interface Step {
  readonly rule: Rule;
  readonly parsed: Parsed;
  readonly target: string;
  readonly match: Match;
  readonly hit: readonly Box[];
  readonly certain: boolean;
  readonly way: Way;
}

class Walk {
  readonly accepted: Opening[] = [];
  readonly returned: Box[] = [];
  #open: Box[];

  constructor(region: readonly Box[]) {
    this.#open = [...region];
  }

  /** Packets about which the next line decides. */
  get open(): Box[] {
    return this.#open;
  }

  set open(boxes: readonly Box[]) {
    this.#open = [...boxes];
  }
}
