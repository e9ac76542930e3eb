/** The packets that a rule matches. */
import { addressesOf, everyoneOf } from '../addresses.ts';
import type { Box } from '../boxes.ts';
import { union } from '../spans.ts';
import { EVERYTHING } from '../traffic.ts';
import { apply, type Never, type State, type Surroundings } from './criteria.ts';
import type { Option, Parsed } from './options.ts';

export interface Match {
  /** In their order. The packets of a case that is not certain may match or not. */
  readonly cases: readonly { readonly box: Box; readonly certain: boolean }[];
  /** Why no packet that begins a connection over the network matches. */
  readonly never?: Never;
  /** Criteria that are not understood. */
  readonly unknown: readonly string[];
}

/** @throws MatchError for an address, port or protocol that is none */
export function matchOf({ options, modules }: Parsed, around: Surroundings): Match {
  const { family } = around;
  const state: State = {
    sources: { sure: everyoneOf(family), maybe: [] },
    destinations: addressesOf(family),
    traffic: EVERYTHING,
    protocol: undefined,
    unknown: modules.flatMap(
      (name) =>
        WHOLE_MODULES.get(name) ?? (MODULES.has(name) ? [] : [name.includes(' ') ? name : `-m ${name}`]),
    ),
  };
  // The protocol says what a port is, wherever it stands.
  const isProtocol = ({ name }: Option): boolean => name === 'protocol';
  for (const option of [...options.filter(isProtocol), ...options.filter((each) => !isProtocol(each))])
    apply(option, state, around);
  return finish(state);
}

function finish({ sources, destinations, traffic, never, unknown }: State): Match {
  if (never !== undefined) return { cases: [], never, unknown: [] };
  const whole = { destinations, traffic };
  const cases =
    unknown.length > 0
      ? [{ box: { ...whole, sources: union(sources.sure, sources.maybe) }, certain: false }]
      : [
          { box: { ...whole, sources: sources.sure }, certain: true },
          { box: { ...whole, sources: sources.maybe }, certain: false },
        ];
  return {
    cases: cases.filter(({ box }) => box.sources.length > 0 && destinations.length > 0 && traffic.length > 0),
    unknown: [...new Set(unknown)],
  };
}

/** Modules whose options say everything. */
const MODULES = new Set(
  'tcp udp sctp icmp icmp6 ipv6-icmp icmpv6 comment state conntrack multiport iprange set addrtype pkttype rt rpfilter'.split(
    ' ',
  ),
);
const WHOLE_MODULES: ReadonlyMap<string, readonly string[]> = new Map(
  ['limit', 'hashlimit', 'connlimit', 'recent', 'quota', 'statistic'].map((name) => [
    name,
    [`a limit (-m ${name}), which has no counterpart`],
  ]),
);
