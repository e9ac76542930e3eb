/** The rule that comes nearest to allowing a flow that is denied. */
import type { PolicyRule, StoredPolicy } from '../calico/read/policy.ts';
import type { Header } from '../simulator/packet.ts';
import type { Prepared } from '../simulator/prepared.ts';
import type { View } from '../simulator/labelled.ts';
import type { Step } from '../simulator/trail.ts';
import { listed } from './errors.ts';
import { PROTOCOL_NAMES } from './packet-text.ts';
import type { OwnRule, PolicyPlace, Provenance } from './provenance.ts';

export interface Nearest {
  readonly rule?: OwnRule;
  readonly policy: PolicyPlace;
  /** The one thing in which it differs from the flow. */
  readonly differsIn: 'ports' | 'peer' | 'subject';
  /** For ports: those that it opens, as `3306/TCP`. */
  readonly opens: readonly string[];
}

const RANK = { ports: 0, peer: 1, subject: 2 } as const;

/** The lower one is nearer. A rule about ports of another protocol comes last. */
function distance(
  { differsIn, rule }: { readonly differsIn: Nearest['differsIn']; readonly rule: PolicyRule },
  { protocol }: Header,
): number {
  const isOther = rule.protocol !== undefined && rule.protocol !== protocol;
  return differsIn === 'ports' && isOther ? Infinity : RANK[differsIn];
}

/** Undefined where no rule differs in one thing alone. @param header of the packet where it was denied */
export function nearestRule(
  prepared: Prepared,
  step: Step,
  header: Header,
  provenance: Provenance,
): Nearest | undefined {
  const place = placeOf(prepared, step);
  if (place === undefined) return undefined;
  const found = prepared.world.policies.flatMap((policy) =>
    candidates(prepared, policy, { ...place, step, header }).map((each) => ({ policy, ...each })),
  );
  const best = found.reduce<(typeof found)[number] | undefined>(
    (before, each) =>
      before === undefined || distance(each, header) < distance(before, header) ? each : before,
    undefined,
  );
  if (best === undefined) return undefined;
  const own = provenance.ruleOf(best.rule);
  const alike = found.filter(
    ({ rule, differsIn, policy }) =>
      differsIn === 'ports' && policy === best.policy && provenance.ruleOf(rule)?.id === own?.id,
  );
  return {
    ...(own !== undefined && { rule: own }),
    policy: provenance.policyPlace(best.policy, best.rule),
    differsIn: best.differsIn,
    opens: best.differsIn === 'ports' ? [...new Set(alike.flatMap(({ rule }) => portsOf(rule)))].sort() : [],
  };
}

interface Judged {
  readonly view: View;
  readonly direction: 'ingress' | 'egress';
  readonly isPod: boolean;
  readonly isBeforeDnat: boolean;
}

function placeOf(prepared: Prepared, { layer, endpoint, source, destination }: Step): Judged | undefined {
  const direction = layer === 'pod egress' || layer === 'host egress' ? 'egress' : 'ingress';
  if (layer.startsWith('pod ')) {
    const place = prepared.placeOf(direction === 'egress' ? source : destination);
    if (place?.kind !== 'pod') return undefined;
    return { view: prepared.labels.podView(place.pod), direction, isPod: true, isBeforeDnat: false };
  }
  const host = prepared.world.hostEndpoints.find(({ name }) => name === endpoint);
  if (host === undefined) return undefined;
  const isBeforeDnat = layer === 'host before DNAT';
  return { view: prepared.labels.hostView(host), direction, isPod: false, isBeforeDnat };
}

interface Asked extends Judged {
  readonly step: Step;
  readonly header: Header;
}

function candidates(prepared: Prepared, policy: StoredPolicy, asked: Asked) {
  const { direction, isPod, isBeforeDnat, view } = asked;
  if (policy.staged !== undefined || policy.doNotTrack || policy.preDNAT !== isBeforeDnat) return [];
  const lets = (rule: PolicyRule): boolean => rule.action === 'Allow' || (!isPod && rule.action === 'Pass');
  const selects = prepared.labels.matches(prepared.labels.numberOf(policy.selector), view);
  return policy[direction].filter(lets).flatMap((rule) => {
    const differences = [
      ...(selects ? [] : (['subject'] as const)),
      ...(matches(prepared, withoutPorts(rule), asked) ? [] : (['peer'] as const)),
      ...(matches(prepared, portsAlone(rule), asked) ? [] : (['ports'] as const)),
    ];
    const [differsIn, ...others] = differences;
    // A rule about everything, or about a whole other protocol, comes near to everything, which says nothing.
    const isVague =
      (differsIn === 'subject' && isAboutAnything(rule)) ||
      (differsIn === 'ports' && rule.destination.ports === undefined);
    return differsIn === undefined || others.length > 0 || isVague ? [] : [{ rule, differsIn }];
  });
}

const isAboutAnything = ({ source, destination }: PolicyRule): boolean =>
  [source, destination].every(
    (end) => end.selector === undefined && end.nets.length === 0 && end.service === undefined,
  );

function matches(prepared: Prepared, rule: PolicyRule, { step, header }: Asked): boolean {
  const compiled = prepared.book.compile(rule);
  return prepared.book.matches(
    compiled,
    { ...header, port: step.port },
    prepared.party(step.source),
    prepared.party(step.destination),
  );
}

const ANY_END = { nets: [], notNets: [] };

function portsAlone(rule: PolicyRule): PolicyRule {
  const end = ({ ports, notPorts }: PolicyRule['source']): PolicyRule['source'] => ({
    ...ANY_END,
    ...(ports !== undefined && { ports }),
    ...(notPorts !== undefined && { notPorts }),
  });
  return { ...rule, source: end(rule.source), destination: end(rule.destination) };
}

function withoutPorts({
  action,
  ipVersion,
  source,
  destination,
  http,
  annotations,
  path,
}: PolicyRule): PolicyRule {
  const end = (of: PolicyRule['source']): PolicyRule['source'] => ({
    ...Object.fromEntries(Object.entries(of).filter(([key]) => key !== 'ports' && key !== 'notPorts')),
    nets: of.nets,
    notNets: of.notNets,
  });
  return {
    action,
    ...(ipVersion !== undefined && { ipVersion }),
    source: end(source),
    destination: end(destination),
    http,
    annotations,
    path,
  };
}

/** `3306/TCP`, `30000-32767/TCP`, `http/TCP`, or `TCP` for all of it. */
function portsOf({ protocol, destination: { ports } }: PolicyRule): readonly string[] {
  const name = protocol === undefined ? 'any protocol' : (PROTOCOL_NAMES.get(protocol) ?? String(protocol));
  if (ports === undefined) return [name];
  return [
    ...ports.ranges.map(({ from, to }) => (from === to ? String(from) : `${String(from)}-${String(to)}`)),
    ...ports.names,
  ].map((port) => `${port}/${name}`);
}

/** A sentence part on the difference. @param asked as `5432/TCP` */
export function differenceText({ differsIn, opens }: Nearest, asked: string): string {
  switch (differsIn) {
    case 'ports':
      return `it opens ${listed(opens)}, not ${asked}`;
    case 'peer':
      return 'its other end is another one';
    case 'subject':
      return 'it is about other pods or nodes';
  }
}
