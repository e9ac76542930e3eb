/**
 * Reads the output of iptables-save(8), ip6tables-save and `nft list ruleset` for the rules that Felix made
 * of ours. Felix writes the annotations of a Calico rule into a comment of every line that it makes of the
 * rule (felix/rules/policy.go).
 */
import { ANNOTATION_RULE } from '../../compiler/names.ts';

/** A line of a chain that carries one of our rules. */
export interface FilterLine {
  readonly chain: string;
  /** True before DNAT. The other table is filter. */
  readonly mangle: boolean;
  readonly rule: string;
  /** True when the rule's id may be longer, because comments of nft are short. */
  readonly cut: boolean;
  readonly packets: number;
  readonly bytes: number;
  readonly action: LineAction;
}

/** `sets`: sets bits of the mark. `scratch`: resets bits that Felix uses to remember matches. */
export type LineAction =
  | { readonly kind: 'sets'; readonly bits: number }
  | { readonly kind: 'scratch'; readonly bits: number }
  | { readonly kind: 'drops' }
  | { readonly kind: 'other' };

/** The text is no supported dump. The message is for people. */
export class PacketFilterError extends Error {
  override readonly name = 'PacketFilterError';
}

/**
 * Returns our lines of one or more dumps that follow each other.
 * @throws PacketFilterError when it is no dump, or has no counters
 */
export function readPacketFilter(text: string): readonly FilterLine[] {
  if (text.trimStart().startsWith('{')) throw new PacketFilterError(NO_JSON);
  const found: FilterLine[] = [];
  let known = false;
  let place: Place = { chain: '', mangle: false };
  for (const line of text.split('\n')) {
    const start = iptablesTable(line) ?? nftTable(line);
    if (start !== undefined) {
      known = true;
      place = start;
    }
    place = nftChain(line) ?? place;
    const read = readLine(line, place);
    if (read !== undefined) found.push(read);
  }
  if (!known) throw new PacketFilterError(UNKNOWN);
  return found;
}

const UNKNOWN = 'is not the output of iptables-save -c, ip6tables-save -c or nft list ruleset';
const NO_JSON = 'is JSON: give the output of nft list ruleset without -j';
const NO_COUNTERS =
  'has no counters: give the output of iptables-save with -c, or of nft list ruleset without --stateless';

interface Place {
  readonly chain: string;
  readonly mangle: boolean;
}

const iptablesTable = (line: string): Place | undefined =>
  /^\*[a-z]+$/.test(line) ? { chain: '', mangle: line === '*mangle' } : undefined;

const nftTable = (line: string): Place | undefined =>
  /^table \w+ \S+ \{/.test(line) ? { chain: '', mangle: false } : undefined;

/** Felix has one table in nft. The chain's name contains the name that the table would have in iptables. */
function nftChain(line: string): Place | undefined {
  const chain = /^\tchain (\S+) \{/.exec(line)?.[1];
  return chain === undefined ? undefined : { chain, mangle: chain.startsWith('mangle-') };
}

function readLine(line: string, place: Place): FilterLine | undefined {
  const annotated = new RegExp(`${ANNOTATION_RULE}=([^"\\s]+)`).exec(line);
  const rule = annotated?.[1];
  if (rule === undefined) return undefined;
  const iptables = /^(?:\[(\d+):(\d+)\] )?-A (\S+) /.exec(line);
  const counted = iptables ?? /\bcounter packets (\d+) bytes (\d+) /.exec(line);
  const [packets, bytes] = [counted?.[1], counted?.[2]];
  if (packets === undefined || bytes === undefined) throw new PacketFilterError(NO_COUNTERS);
  return {
    chain: iptables?.[3] ?? place.chain,
    mangle: place.mangle,
    rule,
    cut: iptables === null && isCut(line, rule),
    packets: Number(packets),
    bytes: Number(bytes),
    action: iptables === null ? nftAction(line) : iptablesAction(line),
  };
}

/**
 * nft's limit (sigs.k8s.io/knftables, CommentLengthMax). Felix divides the characters after its hash among
 * the comments (felix/nftables/renderer.go).
 */
const NFT_COMMENT = 128;

function isCut(line: string, rule: string): boolean {
  const [, hash = '', rest = ''] = /comment "(\S*;)? ?(.*)"/.exec(line) ?? [];
  const comments = rest.includes(' Policy ') ? 2 : 1;
  const left = NFT_COMMENT - hash.length;
  return `${ANNOTATION_RULE}=${rule}`.length >= Math.min(Math.floor(left / comments), left - 1);
}

/** `--set-xmark VALUE/MASK`: where they differ, bits of the mask are reset. */
function iptablesAction(line: string): LineAction {
  const mark = / -j MARK --set-xmark (\w+)\/(\w+)/.exec(line);
  if (mark !== null) {
    const [value, mask] = [Number(mark[1]), Number(mark[2])];
    return value === mask ? { kind: 'sets', bits: value } : { kind: 'scratch', bits: mask };
  }
  return / -j (?:DROP|REJECT)\b/.test(line) ? { kind: 'drops' } : { kind: 'other' };
}

/**
 * `…
 * VALUE`, or `… & MASK` with the bits that stay. Versions of nft differ in how they print operators.
 */
function nftAction(line: string): LineAction {
  const mark = /meta mark set (?:meta )?mark (\||or|&|and) (\w+)/.exec(line);
  if (mark !== null) {
    const bits = Number(mark[2]);
    return mark[1] === '|' || mark[1] === 'or' ? { kind: 'sets', bits } : { kind: 'scratch', bits: ~bits };
  }
  return / bytes \d+ (?:drop|reject)\b/.test(line) ? { kind: 'drops' } : { kind: 'other' };
}
