/**
 * Calico rules: each pair of ends with each group of ports, one IP family and one protocol a rule, within
 * Calico's limits.
 */
import { chunk, MAX_PORTS } from '../../calico/limits.ts';
import type { Action, CalicoPort, EntityRule, Protocol, Rule } from '../../calico/types.ts';
import type { PortValue } from '../../api/schema.ts';
import { groupPorts, parsePort, type Port } from '../../net/ports.ts';
import { chargeRules, jsonSize, sumOf } from '../meter.ts';
import type { FlowEnd, EndMatch } from './flow-ends.ts';
import { ANNOTATION_RULE, type RuleId } from '../names.ts';
import { RuleProblem } from '../problems.ts';
import { readOnce } from '../read-once.ts';

export interface PortMatch {
  readonly protocol?: Protocol;
  readonly notProtocol?: Protocol;
  readonly ipVersion?: 4 | 6;
  readonly ports?: readonly CalicoPort[];
}

/** Ways to match the ports. Any of them is enough. */
export const matchPorts = (values: readonly PortValue[]): readonly PortMatch[] =>
  matchParsedPorts(values.map(parsePort));

export function matchParsedPorts(ports: readonly Port[]): readonly PortMatch[] {
  const grouped = groupPorts(ports);
  if (grouped.all) return [{}];
  return [
    ...(grouped.icmp
      ? ([
          { protocol: 'ICMP', ipVersion: 4 },
          { protocol: 'ICMPv6', ipVersion: 6 },
        ] as const)
      : []),
    ...grouped.transports.flatMap(({ protocol, ports }) =>
      chunkPorts(ports).map((some) => ({ protocol, ports: some })),
    ),
  ];
}

/**
 * Puts single ports together, as many as a rule may have, and each range into a rule of its own. Felix calls
 * nft, which up to 1.0.6 crashes when it replaces a rule that has a range among other ports ("BUG: unhandled
 * op"). Felix then stops with its tables empty (seen with packets).
 */
export function chunkPorts(ports: readonly CalicoPort[]): readonly (readonly CalicoPort[])[] {
  const isRange = (port: CalicoPort): boolean => /^\d+:\d+$/.test(String(port));
  const single = ports.filter((port) => !isRange(port));
  return [...chunk(single, MAX_PORTS), ...ports.filter(isRange).map((port) => [port])];
}

/**
 * Checks ports that only make sense at some destinations.
 * @throws RuleProblem for a named port where the destination is not pods, for ports at the API server's
 * endpoints, and for ports or other destinations next to a Service
 */
export function checkPorts(values: readonly PortValue[], destinations: readonly FlowEnd[]): void {
  const ports = values.map(parsePort);
  const isAll = ports.every(({ kind }) => kind === 'all');
  const other = destinations.findIndex(({ kind }) => kind !== 'service');
  if (destinations.some(({ kind }) => kind === 'service')) {
    if (!isAll)
      throw new RuleProblem(
        'PortsNotAllowed',
        'a service stands for the ports that the Service leads to: write ports: [All], in a rule of its own',
        '.ports',
      );
    if (other !== -1)
      throw new RuleProblem(
        'PortsNotAllowed',
        'would be open on every port, because the ports of a rule to a service are [All]: write a rule of its own for it, with its ports',
        `.to[${String(other)}]`,
      );
  }
  const named = ports.find((port) => port.kind === 'named');
  const notPods = destinations.find((end) => end.kind !== 'pods' && end.kind !== 'samePods');
  if (named && notPods) {
    throw new RuleProblem(
      'NamedPortNeedsPods',
      `port "${named.name}" is a name, and only pods have named ports: write its number, or split the rule`,
      '.ports',
    );
  }
  if (destinations.some((end) => end.kind === 'kubeAPIServer') && !isAll) {
    throw new RuleProblem(
      'PortsNotAllowed',
      'KubeAPIServer stands for the endpoints of the API server and their ports: write ports: [All], in a rule of its own',
      '.ports',
    );
  }
}

export interface RuleParts {
  readonly id: RuleId;
  readonly action: Action;
  readonly sources: readonly EndMatch[];
  readonly destinations: readonly EndMatch[];
  readonly ports: readonly PortMatch[];
}

/**
 * Combines every source with every destination and port. Pairs of different families are left out, because no
 * packet has both.
 */
export function crossRules({ id, action, sources, destinations, ports }: RuleParts): readonly Rule[] {
  chargeRules(
    sources.length * destinations.length * ports.length,
    sizeOfCross({ id, sources, destinations, ports }),
  );
  return sources.flatMap((source) =>
    destinations.flatMap((destination) =>
      ports.flatMap((port) => {
        const families = [source.family, destination.family, port.ipVersion].filter(
          (family) => family !== undefined,
        );
        if (new Set(families).size > 1) return [];
        const target = { ...destination.entity, ...portsOf(port) };
        return [rule({ id, action, source: source.entity, destination: target, port })];
      }),
    ),
  );
}

/** Characters of a rule's JSON in addition to its id, its ends and its ports. */
const RULE_BYTES = 120;

/**
 * Characters of the JSON of what crossRules makes, or somewhat more. Each end is repeated for each of the
 * others.
 */
export function sizeOfCross({ id, sources, destinations, ports }: Omit<RuleParts, 'action'>): number {
  const [s, d, p] = [sources.length, destinations.length, ports.length];
  const ends = (matches: readonly EndMatch[]) => sumOf(matches.map(({ entity }) => sizeOfEnd(entity)));
  const repeated = ends(sources) * d * p + ends(destinations) * s * p + sumOf(ports.map(jsonSize)) * s * d;
  return repeated + s * d * p * (RULE_BYTES + id.length);
}

/** Remembered, because many rules name the same peer. */
const sizeOfNets = readOnce((nets: readonly string[]): number => sumOf(nets.map((net) => net.length + 3)));

const sizeOfEnd = ({ nets = [], ...rest }: EntityRule): number => sizeOfNets(nets) + jsonSize(rest);

const listSizes = new WeakMap<readonly Rule[], number>();

/** Characters of the JSON of rules. Remembered, because many policies share one list. */
export function sizeOfRules(rules: readonly Rule[]): number {
  const size = listSizes.get(rules) ?? sumOf(rules.map(jsonSize));
  listSizes.set(rules, size);
  return size;
}

const portsOf = (port: PortMatch): EntityRule => (port.ports === undefined ? {} : { ports: port.ports });

interface OneRule {
  readonly id: RuleId;
  readonly action: Action;
  readonly source: EntityRule;
  readonly destination: EntityRule;
  readonly port: PortMatch;
}

function rule({ id, action, source, destination, port }: OneRule): Rule {
  return {
    action,
    ...(port.ipVersion === undefined ? {} : { ipVersion: port.ipVersion }),
    ...(port.protocol === undefined ? {} : { protocol: port.protocol }),
    ...(port.notProtocol === undefined ? {} : { notProtocol: port.notProtocol }),
    ...(isEmptyEntity(source) ? {} : { source }),
    ...(isEmptyEntity(destination) ? {} : { destination }),
    metadata: { annotations: { [ANNOTATION_RULE]: id } },
  };
}

const isEmptyEntity = (entity: EntityRule): boolean => Object.keys(entity).length === 0;

/** Matches everything. It stands for the end that the policy itself selects. */
export const anyEnd: readonly EndMatch[] = [{ entity: {} }];

/**
 * Sorts rules and drops repeats, so the order of the manifest changes no byte. All rules must have the same
 * action.
 */
export function canonicalRules(rules: readonly Rule[]): readonly Rule[] {
  const byText = new Map(rules.map((each) => [JSON.stringify(each), each]));
  const texts = [...byText.keys()].sort();
  const canonical = texts.flatMap((text) => byText.get(text) ?? []);
  listSizes.set(canonical, sumOf(texts.map(({ length }) => length)));
  return canonical;
}
