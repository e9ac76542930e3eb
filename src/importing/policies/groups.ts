/** Flows → groups of namespaces with their rules. */
import type { Group, Peer, RuleDestination, RuleSource } from '../../api/schema.ts';
import { everyoneOf, type Known, NODES, ofCidr, WORLD } from '../addresses.ts';
import { Blocks } from '../blocks.ts';
import { Names } from '../names.ts';
import type { SourceLine } from '../result.ts';
import { covers, keyOf, overlap, type Spans, union } from '../spans.ts';
import type { Plain } from './combine.ts';
import { listOf, type PortNames } from './packets.ts';
import { isByNameAlone, namesOf, selectorOf, serviceAccountsOf, worded } from './selectors.ts';
import { admits, EVERY_POD, isWithin, NAMESPACE_NAME, type Term, termKey } from './terms.ts';

interface Groups {
  readonly groups: readonly Group[];
  readonly peers: readonly Peer[];
  readonly behind: ReadonlyMap<string, readonly SourceLine[]>;
  /** Rules that lost a part, with the reason. */
  readonly lost: ReadonlyMap<SourceLine, string>;
}

/** A rule: the pods of a group, and who is at the other end. */
interface Draft {
  readonly list: 'ingress' | 'egress';
  readonly own: Term;
  readonly terms: Term[];
  spans: Spans;
  readonly packets: Spans;
  readonly lines: SourceLine[];
}

interface Context {
  readonly known: Known;
  readonly names: PortNames;
  /** Names of namespaces that stay exempt. */
  readonly exempt: readonly string[];
  /** The name of the policy that a line belongs to. */
  nameOf(line: SourceLine): string;
}

const MAX_ENDS = 64;
const MAX_PORTS = 64;

export function groupsOf(flows: readonly Plain[], context: Context): Groups {
  const lost = new Map<SourceLine, string>();
  const drafts = draftsOf(flows, context.exempt, lost);
  const names = new Names();
  const { known } = context;
  const ignored = known.ipv4Only ? everyoneOf(6) : [];
  const cluster = union(...[...(known.pods ?? []), ...(known.nodes ?? [])].map(ofCidr));
  const writer = new Writer(names, new Blocks(ignored, cluster, names), ignored, context, lost);
  for (const draft of drafts) writer.rule(draft);
  return {
    groups: writer.groups(),
    peers: writer.blocks.peers,
    behind: new Map([...writer.blocks.behind, ...writer.behind]),
    lost,
  };
}

/** Flows with the same pods and packets become one rule. */
function draftsOf(
  flows: readonly Plain[],
  exempt: readonly string[],
  lost: Map<SourceLine, string>,
): readonly Draft[] {
  const drafts = new Map<string, Draft>();
  const add = (list: Draft['list'], own: Term, other: Term | Spans, { packets, lines }: Plain): void => {
    const key = `${list} ${termKey(own)} ${keyOf(packets)}`;
    const draft = drafts.get(key) ?? { list, own, terms: [], spans: [], packets, lines: [] };
    drafts.set(key, draft);
    if (other instanceof Map) draft.terms.push(other as Term);
    else draft.spans = union(draft.spans, other as Spans);
    for (const line of lines) if (!draft.lines.includes(line)) draft.lines.push(line);
  };
  for (const flow of flows) {
    const { from, to, lines } = flow;
    const [sources, targets] = [wordedEnd(from), wordedEnd(to)];
    if (sources.lost || targets.lost) for (const line of lines) lost.set(line, NO_WORDS);
    for (const source of sources.ends)
      for (const target of targets.ends) {
        if (!isTerm(source) && isTerm(target)) add('ingress', target, source, flow);
        else if (isTerm(source) && !isTerm(target)) add('egress', source, target, flow);
        else if (isTerm(source) && isTerm(target))
          for (const list of anchorsOf(source, target, exempt))
            add(list, list === 'ingress' ? target : source, list === 'ingress' ? source : target, flow);
      }
  }
  return [...drafts.values()];
}

const NO_WORDS = 'in part not opened: ServiceAccounts that are not meant cannot be named';
const isTerm = (end: Term | Spans): end is Term => end instanceof Map;

function wordedEnd(end: Plain['from']): { readonly ends: readonly (Term | Spans)[]; readonly lost: boolean } {
  if (end.kind === 'outside') return { ends: [end.spans], lost: false };
  const { terms, lost } = worded(end.term);
  return { ends: terms, lost };
}

/**
 * The lists that have to name a flow between pods. A group has no rules for pods of exempt namespaces, where nothing
 * is closed.
 */
function anchorsOf(from: Term, to: Term, exempt: readonly string[]): readonly Draft['list'][] {
  const touches = (term: Term): boolean => exempt.some((name) => admitsName(term, name));
  const isAllExempt = (term: Term): boolean => namesOf(term)?.every((name) => exempt.includes(name)) === true;
  if (!touches(to) && (namesOf(to) !== undefined || namesOf(from) === undefined || touches(from)))
    return ['ingress'];
  if (!touches(from)) return ['egress'];
  if (!touches(to)) return ['ingress'];
  return [
    ...(isAllExempt(to) ? [] : (['ingress'] as const)),
    ...(isAllExempt(from) ? [] : (['egress'] as const)),
  ];
}

export function admitsName(term: Term, name: string): boolean {
  const required = term.get(NAMESPACE_NAME);
  return required === undefined || admits(required, name);
}

class Writer {
  readonly blocks: Blocks;
  readonly behind = new Map<string, readonly SourceLine[]>();
  readonly #names: Names;
  readonly #ignored: Spans;
  readonly #context: Context;
  readonly #lost: Map<SourceLine, string>;
  readonly #groups = new Map<string, Group>();

  constructor(names: Names, blocks: Blocks, ignored: Spans, context: Context, lost: Map<SourceLine, string>) {
    this.#names = names;
    this.blocks = blocks;
    this.#ignored = ignored;
    this.#context = context;
    this.#lost = lost;
  }

  groups(): readonly Group[] {
    return [...this.#groups.values()];
  }

  rule({ list, own, terms, spans, packets, lines }: Draft): void {
    const { ports, lost } = listOf(packets, this.#context.names);
    if (lost) for (const line of lines) this.#lost.set(line, OTHER_PROTOCOLS);
    const [first] = lines;
    const base = first === undefined ? 'rule' : this.#context.nameOf(first);
    const ends = [...this.#ends(terms, spans, lines, list)];
    const group = this.#group(own);
    for (let at = 0; at < ports.length; at += MAX_PORTS)
      for (let end = 0; end < ends.length; end += MAX_ENDS) {
        const name = this.#names.unique(base);
        this.behind.set(name, lines);
        const accounts = serviceAccountsOf(own);
        const subject = {
          name,
          pods: selectorOf(own, 'p:') ?? {},
          ...(accounts !== undefined && { serviceAccounts: accounts }),
        };
        const some = ends.slice(end, end + MAX_ENDS);
        const somePorts = ports.slice(at, at + MAX_PORTS);
        if (list === 'ingress')
          (group.ingress ??= []).push({ ...subject, from: some as RuleSource[], ports: somePorts });
        else (group.egress ??= []).push({ ...subject, to: some as RuleDestination[], ports: somePorts });
      }
  }

  #group(own: Term): Group {
    const namespaces = new Map([...own].filter(([key]) => key.startsWith('n:')));
    const key = termKey(namespaces);
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const names = isByNameAlone(namespaces) ? namesOf(namespaces) : undefined;
    const selector = selectorOf(namespaces, 'n:');
    const group: Group =
      names !== undefined
        ? { name: this.#names.unique(names.join('-')), namespaces: [...names] }
        : selector === undefined
          ? { name: this.#names.unique('everywhere'), everyNamespace: true }
          : { name: this.#names.unique(labelName(namespaces)), namespaceSelector: selector };
    this.#groups.set(key, group);
    return group;
  }

  #ends(
    terms: readonly Term[],
    spans: Spans,
    lines: readonly SourceLine[],
    list: Draft['list'],
  ): readonly (RuleSource | RuleDestination)[] {
    const whole = union(spans, this.#ignored);
    const isWorld = covers(whole, WORLD);
    const hasNodes = overlap(spans, NODES) && covers(whole, NODES);
    const hasPods = terms.some((term) => isWithin(EVERY_POD, term));
    if (list === 'ingress' && isWorld && hasNodes && hasPods) return [{ entity: 'Everyone' }];
    return [
      ...(isWorld ? [{ entity: 'World' as const }] : this.blocks.entries(spans, 'addresses', lines)),
      ...(hasNodes ? [{ entity: 'Nodes' as const }] : []),
      ...(hasPods ? [{ entity: 'Pods' as const }] : terms.map(podsEnd)),
    ];
  }
}

const OTHER_PROTOCOLS =
  'in part not opened: rules of groups name TCP, UDP, SCTP and ICMP, and other protocols only as All';

function podsEnd(term: Term): RuleSource & RuleDestination {
  const [podSelector, accounts] = [selectorOf(term, 'p:'), serviceAccountsOf(term)];
  return {
    pods: {
      namespaceSelector: selectorOf(term, 'n:') ?? {},
      ...(podSelector !== undefined && { podSelector }),
      ...(accounts !== undefined && { serviceAccounts: accounts }),
    },
  };
}

/** After the first label. */
function labelName(term: Term): string {
  for (const [key, { values, isBut }] of term)
    return [isBut ? 'without' : '', key.slice(2), ...values].filter((part) => part !== '').join('-');
  return 'everywhere';
}
