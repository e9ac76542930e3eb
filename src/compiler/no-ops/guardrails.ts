/** Ends of rules that a guardrail refuses whole. It says so only where that is certain. */
import type { ClusterFirewall, Defaults, Guardrail, PortValue } from '../../api/schema.ts';
import type { Inventory } from '../../inventory/types.ts';
import { containsCidr, parseCidr } from '../../net/cidr.ts';
import { formatPort, parsePort, type Port } from '../../net/ports.ts';
import { type Enforcement, groupNamespaces } from '../namespaces/enforcement.ts';
import { everyNamespace, namespacesFromLabels, type NamespaceSet } from '../namespaces/namespaces.ts';
import { METADATA_ADDRESSES } from '../pods/defaults.ts';
import type { ProblemCollector, RulePlace } from '../problems.ts';
import { connectionsOf, rulesOf, type RuleEnd } from './entries.ts';
import { type End, EndReader, type PodsEnd } from './ends.ts';
import { EndRelations } from './end-relations.ts';

/** @param main the firewall called default, whose guardrails bound the rules of all */
export function reportRefused(
  firewall: ClusterFirewall,
  main: ClusterFirewall,
  { enforcement, inventory }: { readonly enforcement: Enforcement; readonly inventory: Inventory },
  collector: ProblemCollector,
): void {
  const relations = new EndRelations(enforcement, inventory);
  const reader = new EndReader(main, inventory);
  const bounds = (main.spec.guardrails ?? []).map((guardrail) => boundOf(guardrail, reader));
  for (const flow of flowsOf(firewall, inventory)) {
    const why =
      refusedMetadata(flow, main.spec.defaults?.metadataAPI) ??
      bounds.map((bound) => refusal(flow, bound, relations)).find((each) => each !== undefined);
    if (why !== undefined) collector.warn(flow.place, 'NoEffect', `opens nothing, because ${why}`, flow.at);
  }
}

/** One source, one destination. Undefined for an end that is not known. */
interface Flow {
  readonly place: RulePlace;
  readonly at: string;
  readonly source: End | undefined;
  readonly destination: End | undefined;
  readonly ports: readonly PortValue[];
  /** Names of the namespaces of the rule's pods. */
  readonly namespaces: readonly string[] | undefined;
}

function flowsOf(firewall: ClusterFirewall, inventory: Inventory): readonly Flow[] {
  const reader = new EndReader(firewall, inventory);
  const sets = new Map((firewall.spec.namespaces ?? []).map((group) => [group, groupNamespaces(group)]));
  const rules = rulesOf(firewall).flatMap(({ group, place, rule, ends }) => {
    const own = sets.get(group) ?? everyNamespace;
    const subject = podsOfGroup(own, rule.pods);
    return ends.map(({ end: written, at }): Flow => {
      const end = reader.read(written, own);
      const [source, destination] = 'to' in rule ? [subject, end] : [end, subject];
      return { place, at, source, destination, ports: rule.ports, namespaces: group.namespaces };
    });
  });
  const connections = connectionsOf(firewall).map(({ group, place, rule }): Flow => {
    const own = sets.get(group) ?? everyNamespace;
    const [source, destination] = [podsOfGroup(own, rule.fromPods), podsOfGroup(own, rule.toPods)];
    return { place, at: '', source, destination, ports: rule.ports, namespaces: group.namespaces };
  });
  return [...rules, ...connections];
}

const podsOfGroup = (namespaces: NamespaceSet, labels: PodsEnd['labels']): PodsEnd => ({
  kind: 'pods',
  namespaces,
  labels,
});

function refusedMetadata(
  { destination, namespaces }: Flow,
  {
    action,
    addresses = METADATA_ADDRESSES,
    exceptNamespaces = [],
  }: Partial<NonNullable<Defaults['metadataAPI']>> = {},
): string | undefined {
  const isExcepted = namespaces?.every((name) => exceptNamespaces.includes(name)) === true;
  if (destination?.kind !== 'cidrs' || action === 'None' || isExcepted) return undefined;
  const isRefused = destination.cidrs.every((cidr) =>
    addresses.some((each) => containsCidr(parseCidr(each), parseCidr(cidr))),
  );
  return isRefused
    ? "no rule can open the cloud's metadata API: list the namespaces in defaults.metadataAPI.exceptNamespaces"
    : undefined;
}

interface Bound {
  readonly guardrail: Guardrail;
  readonly subject: PodsEnd;
  /** The side of a flow at which its pods are. */
  readonly side: 'source' | 'destination';
  readonly field: (typeof FIELDS)[number];
  readonly ends: readonly (End | undefined)[];
}

const FIELDS = ['to', 'from', 'onlyTo', 'onlyFrom'] as const;

function boundOf(guardrail: Guardrail, reader: EndReader): Bound {
  const { pods } = guardrail;
  const field = FIELDS.find((each) => guardrail[each] !== undefined) ?? 'to';
  const ends: readonly RuleEnd[] = guardrail[field] ?? [];
  return {
    guardrail,
    subject: {
      ...podsOfGroup(namespacesFromLabels(pods.namespaceSelector ?? {}), pods.podSelector ?? {}),
      ...(pods.serviceAccounts !== undefined && { isPart: true }),
    },
    side: field === 'to' || field === 'onlyTo' ? 'source' : 'destination',
    field,
    // In a guardrail, pods without a namespaceSelector are those of every namespace.
    ends: ends.map((end) => reader.read(end, everyNamespace)),
  };
}

function refusal(flow: Flow, bound: Bound, relations: EndRelations): string | undefined {
  const { guardrail, subject, side, field, ends } = bound;
  const [pods, other] = side === 'source' ? [flow.source, flow.destination] : [flow.destination, flow.source];
  if (other === undefined || pods?.kind !== 'pods') return undefined;
  if (!flow.ports.every((port) => coversPort(guardrail.ports, parsePort(port)))) return undefined;
  if (field === 'to' || field === 'from') {
    const isRefused = ends.some((end) => end !== undefined && relations.covers(end, other));
    if (!isRefused || !relations.isBound(subject, pods)) return undefined;
    return `guardrail "${guardrail.name}" refuses all of it, and no rule undoes a guardrail: narrow the guardrail, if this is meant to be open`;
  }
  if (guardrail.defaults !== 'Judged' && flow.ports.every(isDns)) return undefined;
  const isLeftOut = ends.every((end) => end !== undefined && relations.areApart(end, other));
  if (!isLeftOut || !relations.isBound(subject, pods)) return undefined;
  return `${field} of guardrail "${guardrail.name}" names none of it, and no rule undoes a guardrail: name it there, if this is meant to be open`;
}

/** The default that opens DNS comes before such guardrails. */
const isDns = (value: PortValue): boolean => {
  const port = parsePort(value);
  return port.kind === 'range' && port.from === 53 && port.to === 53;
};

function coversPort(ports: Guardrail['ports'], port: Port): boolean {
  return ports.map(parsePort).some((each) => {
    if (each.kind === 'all') return true;
    if (each.kind !== 'range' || port.kind !== 'range') return formatPort(each) === formatPort(port);
    return each.protocol === port.protocol && each.from <= port.from && port.to <= each.to;
  });
}
