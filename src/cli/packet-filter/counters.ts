/** Sums the lines of a packet filter into counters of our rules. */
import { isRuleOfNodes, ruleId } from '../../compiler/names.ts';
import { DEFAULT_FIREWALL } from '../../api/schema.ts';
import type { FilterLine } from './lines.ts';

export interface RuleCounter {
  /**
   * FIREWALL/GROUP/LIST/NAME, as everywhere. It ends in … where the packet filter contains only its
   * beginning.
   */
  readonly rule: string;
  /** `ports`, `host`: the layers of nodes (docs/nodes.md). `ingress`, `egress`: at pods. */
  readonly where: 'ports' | 'host' | 'ingress' | 'egress';
  /** `WouldDrop`: passed, because nodes are observed. */
  readonly verdict: 'Dropped' | 'WouldDrop' | 'Passed';
  readonly packets: number;
  readonly bytes: number;
}

/** Sums by rule, place and verdict. Dropping rules come first, then rules by their number of packets. */
export function countByRule(lines: readonly FilterLine[]): readonly RuleCounter[] {
  const verdicts = verdictLines(lines);
  const sums = new Map<string, RuleCounter>();
  for (const { line, dropped } of verdicts) {
    const rule = wholeRule(line, lines);
    const where = whereOf(line);
    const verdict = dropped ? 'Dropped' : OBSERVED.has(rule) ? 'WouldDrop' : 'Passed';
    const key = `${rule} ${where} ${verdict}`;
    const { packets, bytes } = sums.get(key) ?? { packets: 0, bytes: 0 };
    const sum = { packets: packets + line.packets, bytes: bytes + line.bytes };
    sums.set(key, { rule, where, verdict, ...sum });
  }
  return [...sums.values()].sort(
    (a, b) =>
      Number(a.verdict === 'Passed') - Number(b.verdict === 'Passed') ||
      b.packets - a.packets ||
      compare(a.rule, b.rule) ||
      compare(a.where, b.where),
  );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Rules that deny where nodes are enforced (src/compiler/nodes/node-denies.ts). */
const OBSERVED: ReadonlySet<string> = new Set(
  ['blocked', 'loopback', 'deny'].map((name) => ruleId(DEFAULT_FIREWALL, 'nodes', name)),
);

/**
 * Felix makes several lines of a rule (felix/rules/policy.go). Some collect matches in scratch bits. One
 * matches all of them and sets the bit of the verdict. The last one acts on that bit, and is left out where
 * nothing follows. A packet that matches the rule passes the line that sets the verdict exactly once.
 */
function verdictLines(lines: readonly FilterLine[]): readonly VerdictLine[] {
  const scratch = lines.reduce(
    (bits, { action }) => (action.kind === 'scratch' ? bits | action.bits : bits),
    0,
  );
  return lines.flatMap((line, index) =>
    line.action.kind === 'sets' && (line.action.bits & scratch) === 0
      ? [{ line, dropped: dropsAfter(index, lines) }]
      : [],
  );
}

interface VerdictLine {
  readonly line: FilterLine;
  readonly dropped: boolean;
}

/** True when a line that acts on this line's bit drops. */
function dropsAfter(index: number, lines: readonly FilterLine[]): boolean {
  const chain = lines[index]?.chain;
  for (let next = index + 1; lines[next]?.chain === chain; next += 1) {
    const kind = lines[next]?.action.kind;
    if (kind === 'drops') return true;
    if (kind !== 'other') return false;
  }
  return false;
}

function whereOf({ chain, mangle, rule }: FilterLine): RuleCounter['where'] {
  if (mangle) return 'ports';
  if (chain.includes('cali-po-')) return 'egress';
  return isRuleOfNodes(ruleId(rule)) ? 'host' : 'ingress';
}

/** The first line of a chain has a second comment, so less of the rule's id fits into it. */
function wholeRule({ rule, cut, chain }: FilterLine, lines: readonly FilterLine[]): string {
  if (!cut) return rule;
  const longer = lines.filter((line) => line.rule.startsWith(rule) && !(line.cut && line.rule === rule));
  for (const near of [longer.filter((line) => line.chain === chain), longer]) {
    const [first, ...others] = new Set(near.map((line) => (line.cut ? `${line.rule}…` : line.rule)));
    if (first !== undefined && others.length === 0) return first;
  }
  return `${rule}…`;
}
