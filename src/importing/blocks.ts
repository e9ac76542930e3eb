/** Addresses as the API lists them: a few ipBlocks, or a peer. */
import type { Peer, Zone } from '../api/schema.ts';
import { parseCidr } from '../net/cidr.ts';
import { addressesOf, cidrsOf, FAMILIES, type Family, ofCidr } from './addresses.ts';
import type { Names } from './names.ts';
import type { SourceLine } from './result.ts';
import { covers, type Spans, subtract, union } from './spans.ts';

const MAX_EXCEPT = 64;
const MAX_CIDRS = 1000;
/** More addresses than these become a peer. */
const FEW = 4;

interface Block {
  readonly cidr: string;
  readonly except?: string[];
}

type AddressEntry = Pick<Zone['from'][number], 'peer' | 'ipBlock'>;

export class Blocks {
  readonly peers: Peer[] = [];
  readonly behind = new Map<string, readonly SourceLine[]>();
  readonly #ignored: Spans;
  readonly #cluster: Spans;
  readonly #names: Names;

  /**
   * @param ignored addresses that may be listed or not
   * @param cluster addresses that mean nothing in a list, because they are all pods' or nodes'
   */
  constructor(ignored: Spans, cluster: Spans, names: Names) {
    this.#ignored = ignored;
    this.#cluster = cluster;
    this.#names = names;
  }

  /** The addresses among the sources. @param name of a peer, if there are many */
  entries(sources: Spans, name: string, lines: readonly SourceLine[]): AddressEntry[] {
    const blocks = FAMILIES.flatMap((family) => blocksOf(sources, family, this.#ignored)).filter(
      ({ cidr }) => !covers(this.#cluster, ofCidr(parseCidr(cidr))),
    );
    if (blocks.length <= FEW) return blocks.map((ipBlock) => ({ ipBlock }));
    const isPlain = ({ except }: Block): boolean => except === undefined;
    const cidrs = blocks.filter(isPlain).map(({ cidr }) => cidr);
    const from: AddressEntry[] = blocks.filter((block) => !isPlain(block)).map((ipBlock) => ({ ipBlock }));
    for (let start = 0; start < cidrs.length; start += MAX_CIDRS) {
      const peer = this.#names.unique(name);
      this.peers.push({ name: peer, cidrs: cidrs.slice(start, start + MAX_CIDRS) });
      this.behind.set(peer, lines);
      from.push({ peer });
    }
    return from;
  }
}

/** The addresses of a family: listed, or as all but some where that is shorter. */
function blocksOf(sources: Spans, family: Family, ignored: Spans): readonly Block[] {
  const own = cidrsOf(sources, family);
  const cidr = family === 4 ? '0.0.0.0/0' : '::/0';
  const except = cidrsOf(subtract(addressesOf(family), union(sources, ignored)), family);
  return except.length > 0 && except.length < own.length && except.length <= MAX_EXCEPT
    ? [{ cidr, except: [...except] }]
    : own.map((each) => ({ cidr: each }));
}
