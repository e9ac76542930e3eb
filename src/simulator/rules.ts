/** Rules in a form that is quick to ask. Source: felix/rules/policy.go, felix/calc/rule_scanner.go. */
import { PROTOCOL } from '../calico/read/protocols.ts';
import type { IcmpMatch, PolicyRule, PortRange, Ports, RuleEnd } from '../calico/read/policy.ts';
import type { StoredPool } from '../calico/read/objects.ts';
import type { Cidr } from '../net/cidr.ts';
import type { LabelIndex, Labelled } from './labelled.ts';
import type { Header } from './packet.ts';
import { prefixSet, type PrefixMap } from '../net/prefixes.ts';

/** An address with everything that rules may ask about it. */
export interface Party {
  readonly text: string;
  readonly family: 4 | 6;
  readonly value: bigint;
  readonly owners: readonly Labelled[];
  /** The IPPool that it is in. */
  readonly pool: StoredPool | undefined;
  /** By the question's number: 0 not asked yet, 1 no, 2 yes. */
  answers: Uint8Array;
}

/** A question about one address. */
type Question =
  | { readonly kind: 'selector'; readonly selector: number }
  | { readonly kind: 'nets'; readonly nets: PrefixMap<true> }
  | { readonly kind: 'service'; readonly name: string };

interface PortTest {
  readonly ranges: readonly PortRange[];
  readonly names: readonly string[];
  /** Endpoints have their named ports for one protocol each. */
  readonly protocol: number;
}

interface EndTest {
  /** Questions that must all be answered with yes. */
  readonly yes: readonly number[];
  readonly no: readonly number[];
  readonly ports?: PortTest;
  readonly notPorts?: PortTest;
}

export interface Rule {
  readonly of: PolicyRule;
  readonly in4: boolean;
  readonly in6: boolean;
  readonly source: EndTest;
  readonly destination: EndTest;
  /** A Service as the destination, which stands for addresses with ports. */
  readonly service?: string;
}

/** The questions of some rules about the addresses at an end, whatever the packet's ports. */
export interface Aspect {
  /** Their numbers. */
  readonly questions: ReadonlySet<number>;
  /** Names of ports. */
  readonly names: ReadonlySet<string>;
  /** Services as destinations. */
  readonly services: ReadonlySet<string>;
}

type Asking = Omit<Aspect, 'questions'> & { readonly questions: Iterable<number> };

export type End = 'source' | 'destination';

/** The questions of rules about one of their ends. */
export function aspectOf(rules: readonly Rule[], end: End): Aspect {
  const tests = rules.map((rule) => rule[end]);
  const ports = tests.flatMap((test) => [test.ports, test.notPorts]);
  const services = end === 'source' ? [] : rules.flatMap(({ service }) => service ?? []);
  return {
    questions: new Set(tests.flatMap(({ yes, no }) => [...yes, ...no])),
    names: new Set(ports.flatMap((each) => each?.names ?? [])),
    services: new Set(services),
  };
}

/** Members of the sets that Felix makes of EndpointSlices, for the `services` of rules. */
export interface ServiceMembers {
  /** `namespace/name` → addresses. */
  readonly addresses: ReadonlyMap<string, ReadonlySet<string>>;
  /** `namespace/name` → `address protocol port`. */
  readonly ports: ReadonlyMap<string, ReadonlySet<string>>;
}

export const memberKey = (address: string, protocol: number, port: number): string =>
  `${address} ${String(protocol)} ${String(port)}`;

/** Compiles rules and answers their questions. */
export class RuleBook {
  readonly #labels: LabelIndex;
  readonly #members: ServiceMembers;
  readonly #questions: Question[] = [];
  readonly #numbers = new Map<string, number>();
  /** Names of ports, and Services as destinations, that rules mention. */
  readonly #names = new Set<string>();
  readonly #services = new Set<string>();

  constructor(labels: LabelIndex, members: ServiceMembers) {
    this.#labels = labels;
    this.#members = members;
  }

  compile(rule: PolicyRule): Rule {
    const { source, destination, protocol } = rule;
    const nets = [source, destination].flatMap((end) => [
      { list: end.nets, negated: false },
      { list: end.notNets, negated: true },
    ]);
    for (const end of [source, destination]) {
      for (const name of [...(end.ports?.names ?? []), ...(end.notPorts?.names ?? [])]) this.#names.add(name);
    }
    if (destination.service !== undefined) this.#services.add(destination.service);
    const renders = (family: 4 | 6): boolean =>
      (rule.ipVersion ?? family) === family &&
      nets.every(({ list, negated }) => isRendered(list, family, negated));
    return {
      of: rule,
      in4: renders(4),
      in6: renders(6),
      source: this.#end(source, protocol, true),
      destination: this.#end(destination, protocol, false),
      ...(destination.service !== undefined && { service: destination.service }),
    };
  }

  matches(rule: Rule, header: Header, source: Party, destination: Party): boolean {
    const { of } = rule;
    const { protocol } = header;
    if (!(header.family === 4 ? rule.in4 : rule.in6)) return false;
    if (of.protocol !== undefined && of.protocol !== protocol) return false;
    if (of.notProtocol !== undefined && of.notProtocol === protocol) return false;
    if (of.icmp !== undefined && !isIcmp(of.icmp, header)) return false;
    if (of.notIcmp !== undefined && isIcmp(of.notIcmp, header)) return false;
    return (
      this.#endMatches(rule.destination, destination, header.port, protocol) &&
      this.#endMatches(rule.source, source, header.sourcePort, protocol) &&
      (rule.service === undefined || this.#isBehind(rule.service, destination, header))
    );
  }

  /** Equal texts: no rule tells the two addresses apart, whatever the ports. */
  signature(party: Party): string {
    const questions = this.#questions.keys();
    return this.answers({ questions, names: this.#names, services: this.#services }, party);
  }

  /** Equal texts: no rule with this aspect tells the two addresses apart. */
  answers({ questions, names, services }: Asking, party: Party): string {
    let answers = '';
    for (const number of questions) answers += this.#asks(number, party) ? '1' : '0';
    if (names.size === 0 && services.size === 0) return answers;
    const named = party.owners.flatMap(({ ports }) =>
      ports
        .filter(({ name }) => names.has(name))
        .map(({ name, protocol, port }) => `${name} ${String(protocol)} ${String(port)}`),
    );
    const behind = [...services].flatMap((service) => this.#portsBehind(service, party));
    return `${answers} ${named.sort().join()} ${behind.join()}`;
  }

  /** Equal texts: none of these rules tells the two addresses apart at that end, whatever the ports. */
  tellerAt(end: 'source' | 'destination', rules: readonly Rule[]): (party: Party) => string {
    const questions = new Set(rules.flatMap((rule) => [...rule[end].yes, ...rule[end].no]));
    const services = new Set(rules.flatMap(({ service }) => (end === 'source' ? [] : (service ?? []))));
    return (party) => this.answers({ questions, names: this.#names, services }, party);
  }

  /** The ports of an address in a Service, for those Services that rules name as destinations. */
  #portsBehind(service: string, { text }: Party): readonly string[] {
    const members = [...(this.#members.ports.get(service) ?? [])];
    return members
      .filter((member) => member.startsWith(`${text} `))
      .map((member) => `${service} ${member.slice(text.length + 1)}`)
      .sort();
  }

  /** The answer to a question, asked once for each address. */
  #asks(number: number, party: Party): boolean {
    if (number >= party.answers.length) {
      const larger = new Uint8Array(this.#questions.length);
      larger.set(party.answers);
      party.answers = larger;
    }
    const known = party.answers[number];
    if (known === 1 || known === 2) return known === 2;
    const answer = this.#answer(number, party);
    party.answers[number] = answer ? 2 : 1;
    return answer;
  }

  #answer(number: number, party: Party): boolean {
    const question = this.#questions[number];
    switch (question?.kind) {
      case 'selector':
        return party.owners.some(({ view }) => this.#labels.matches(question.selector, view));
      case 'nets':
        return question.nets.hasAny(party);
      case 'service':
        return this.#members.addresses.get(question.name)?.has(party.text) ?? false;
      case undefined:
        throw new RangeError(`no question ${String(number)}`);
    }
  }

  #end(end: RuleEnd, protocol: number | undefined, isSource: boolean): EndTest {
    const yes: number[] = [];
    const no: number[] = [];
    if (end.nets.length > 0) yes.push(this.#nets(end.nets));
    if (end.notNets.length > 0) no.push(this.#nets(end.notNets));
    if (end.selector !== undefined) yes.push(this.#selector(end.selector));
    if (end.notSelector !== undefined) no.push(this.#selector(end.notSelector));
    if (isSource && end.service !== undefined) {
      const { service: name } = end;
      yes.push(this.#number(`service ${name}`, () => ({ kind: 'service', name })));
    }
    return {
      yes,
      no,
      ...(end.ports !== undefined && { ports: portTest(end.ports, protocol) }),
      ...(end.notPorts !== undefined && { notPorts: portTest(end.notPorts, protocol) }),
    };
  }

  #selector(selector: NonNullable<RuleEnd['selector']>): number {
    const number = this.#labels.numberOf(selector);
    return this.#number(`selector ${String(number)}`, () => ({ kind: 'selector', selector: number }));
  }

  #nets(cidrs: readonly Cidr[]): number {
    const texts = cidrs.map(
      ({ family, value, prefix }) => `${String(family)} ${String(value)} ${String(prefix)}`,
    );
    return this.#number(`nets ${texts.sort().join()}`, () => ({ kind: 'nets', nets: prefixSet(cidrs) }));
  }

  #number(key: string, make: () => Question): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.#questions.length);
    return this.#questions.push(make()) - 1;
  }

  #endMatches(test: EndTest, party: Party, port: number, protocol: number): boolean {
    if (test.ports !== undefined && !portMatches(test.ports, party, port, protocol)) return false;
    for (const number of test.yes) if (!this.#asks(number, party)) return false;
    for (const number of test.no) if (this.#asks(number, party)) return false;
    return test.notPorts === undefined || !portMatches(test.notPorts, party, port, protocol);
  }

  #isBehind(service: string, { text }: Party, { protocol, port }: Header): boolean {
    return this.#members.ports.get(service)?.has(memberKey(text, protocol, port)) ?? false;
  }
}

/**
 * filterNets: a list that is empty once the other family's CIDRs are gone makes the whole rule vanish for this
 * family, and so does a negated CIDR of everything.
 */
function isRendered(list: readonly Cidr[], family: 4 | 6, negated: boolean): boolean {
  if (list.length === 0) return true;
  const own = list.filter((cidr) => cidr.family === family);
  return own.length > 0 && !(negated && own.some(({ prefix }) => prefix === 0));
}

const isIcmp = ({ type, code }: IcmpMatch, { icmpType, icmpCode }: Header): boolean =>
  (type === undefined || type === icmpType) && (code === undefined || code === icmpCode);

/** rule_scanner.go: a named port is TCP where the rule's protocol is neither UDP nor SCTP. */
function portTest({ ranges, names }: Ports, protocol: number | undefined): PortTest {
  const isOther = protocol === PROTOCOL.UDP || protocol === PROTOCOL.SCTP;
  return { ranges, names, protocol: isOther ? protocol : PROTOCOL.TCP };
}

function portMatches(test: PortTest, party: Party, port: number, protocol: number): boolean {
  for (const { from, to } of test.ranges) if (from <= port && port <= to) return true;
  if (test.names.length === 0 || protocol !== test.protocol) return false;
  return party.owners.some(({ ports }) =>
    ports.some((own) => own.port === port && own.protocol === protocol && test.names.includes(own.name)),
  );
}
