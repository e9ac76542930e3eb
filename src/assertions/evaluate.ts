/** Asks the simulator whether assertions hold. */
import type { Assertion } from '../api/schema.ts';
import type { ClusterFirewall } from '../api/schema.ts';
import { askPair, type Answer } from '../questions/ask.ts';
import { causeOf } from '../questions/cause.ts';
import { addressEnd, nodeEnd, type End } from '../questions/ends.ts';
import { QuestionError } from '../questions/errors.ts';
import { parseWanted, portText, type Wanted } from '../questions/packet-text.ts';
import { Provenance } from '../questions/provenance.ts';
import { formatAddress, parseAddress } from '../net/cidr.ts';
import { parsePort } from '../net/ports.ts';
import { Prepared } from '../simulator/prepared.ts';
import type { Pod, World } from '../simulator/world.ts';
import {
  exampleName,
  Examples,
  isExampleNode,
  type Missing,
  type Role,
  type ServiceExample,
} from './examples.ts';
import type { Asserted, Judged, Judgement, KnownServices } from './types.ts';

export interface AssertionSetting {
  /** Everything that is in force. */
  readonly world: World;
  readonly services: KnownServices;
  /** For the names of rules: the firewalls, and the objects that they have become. */
  readonly firewalls: readonly ClusterFirewall[];
  readonly objects: Iterable<unknown>;
}

/** More flows than this take too long. */
const MOST_FLOWS = 20_000;

/** One judgement for each assertion, in their order. */
export function evaluate(setting: AssertionSetting, asserted: readonly Asserted[]): readonly Judged[] {
  if (asserted.length === 0) return [];
  const evaluator = new Evaluator(setting, asserted);
  return asserted.map((each) => ({ ...each, judgement: evaluator.judge(each.assertion) }));
}

/** An end, with the pods behind a Service. */
type Candidate = End & { readonly behind?: ServiceExample };

class Evaluator {
  readonly #setting: AssertionSetting;
  readonly #examples: Examples;
  readonly #prepared: Prepared;
  readonly #provenance: Provenance;

  constructor(setting: AssertionSetting, asserted: readonly Asserted[]) {
    this.#setting = setting;
    const assertions = asserted.map(({ assertion }) => assertion);
    this.#examples = new Examples(setting.world, assertions, setting.services);
    this.#prepared = new Prepared(this.#examples.world);
    const nowhere = (): undefined => undefined;
    const sources = { firewalls: setting.firewalls, placeOfField: nowhere, placeOfObject: nowhere };
    this.#provenance = new Provenance(sources, setting.objects);
  }

  judge(assertion: Assertion): Judgement {
    try {
      return this.#judge(assertion);
    } catch (error) {
      if (!(error instanceof QuestionError)) throw error;
      return { is: 'Unknown', because: error.message };
    }
  }

  #judge({ from, to, ports, expect }: Assertion): Judgement {
    const [sources, destinations] = [this.#ends(from, 'from'), this.#ends(to, 'to')];
    if ('because' in sources) return { is: 'Unknown', ...sources };
    if ('because' in destinations) return { is: 'Unknown', ...destinations };
    const pairs = sources.flatMap((source) =>
      destinations.filter((each) => !isOwn(source, each)).map((each) => [source, each] as const),
    );
    if (pairs.length * ports.length > MOST_FLOWS)
      throw new QuestionError(
        `these are ${String(pairs.length * ports.length)} flows, and the most is ${String(MOST_FLOWS)}: name fewer Nodes`,
      );
    if (pairs.length === 0)
      throw new QuestionError(
        'a Node reaches itself and its own pods whatever rules say, and there is no other',
      );
    let unknown: Judgement | undefined;
    for (const [source, destination] of pairs) {
      for (const port of ports) {
        const found = this.#judgeFlow({ source, destination, port: String(port), expect });
        if (found.is === 'Fails') return found;
        if (found.is === 'Unknown') unknown ??= found;
      }
    }
    return unknown ?? { is: 'Holds' };
  }

  #judgeFlow({ source, destination, port, expect }: Flow): Judgement {
    this.#refuseUnseen(destination, port);
    const wanted = parseWanted(port);
    const answers = askPair(this.#prepared, { from: source, ...aim(source, destination, wanted) });
    if (answers.length === 0) throw new QuestionError('the two ends have no addresses of one IP family');
    for (const answer of answers) {
      const { verdict } = answer.outcome;
      if (verdict === 'Unknown' || verdict === expect) continue;
      const flow = `${source.name} to ${destination.name}, ${wantedText(wanted)}`;
      return { is: 'Fails', flow, verdict, because: this.#reason(answer) };
    }
    const unknown = answers.find(({ outcome }) => outcome.verdict === 'Unknown');
    return unknown === undefined ? { is: 'Holds' } : { is: 'Unknown', because: this.#reason(unknown) };
  }

  /** The rule that let it through last, or the place that has denied it. */
  #reason({ outcome: { verdict, steps, decisive } }: Answer): string {
    const causes = steps.map((step) => ({ step, cause: causeOf(step, this.#provenance) }));
    const opener =
      verdict === 'Allowed'
        ? (causes.findLast(({ cause }) => cause.policies.length > 0) ??
          causes.findLast(({ step }) => step.decision.by.kind === 'failsafe'))
        : undefined;
    const { step, cause } = opener ?? { step: decisive, cause: causeOf(decisive, this.#provenance) };
    return step.layer === 'delivery' ? cause.text : `${cause.text} (${step.layer})`;
  }

  /** Services that nobody sees may lead elsewhere. */
  #refuseUnseen(destination: End, port: string): void {
    const { unseen } = this.#setting.services;
    if (unseen === undefined) return;
    if (destination.kind === 'outside' && unseen.isAddress(destination.address))
      throw new QuestionError(`${destination.address} is an address of a Service: name the Service`);
    if (destination.kind === 'node' && mayBeNodePort(port, unseen.nodePorts))
      throw new QuestionError(`${port} may be a NodePort of a Service: name the Service`);
  }

  #ends(end: Assertion['to'], role: Role): readonly Candidate[] | Missing {
    if (end.pod !== undefined) {
      const pods = this.#examples.pods(end.pod, role);
      const name = `${end.pod.namespace}/${exampleName(end.pod)}`;
      return 'because' in pods ? pods : pods.map((pod) => podEnd(pod, name));
    }
    if (end.node !== undefined) return this.#nodes(end.node);
    if (end.service !== undefined) {
      const example = this.#examples.service(end.service);
      return 'because' in example ? example : serviceEnds(example);
    }
    return [this.#address(formatAddress(parseAddress(end.address ?? '')))];
  }

  #nodes({ name, labels = {} }: NonNullable<Assertion['to']['node']>): readonly Candidate[] | Missing {
    const real = this.#prepared.world.nodes.filter((node) => !isExampleNode(node));
    if (real.length === 0) return { because: 'no Nodes are known' };
    const wanted = Object.entries(labels);
    const chosen = real.filter((node) =>
      name === undefined ? wanted.every(([key, value]) => node.labels[key] === value) : node.name === name,
    );
    if (chosen.length === 0)
      return { because: name === undefined ? 'no Node has these labels' : `there is no Node ${name}` };
    return chosen.flatMap((node) => {
      const prepared = this.#prepared.node(node.name);
      return prepared === undefined ? [] : [nodeEnd(prepared)];
    });
  }

  #address(address: string): Candidate {
    const end = addressEnd(this.#prepared, address);
    const isUnseenPod =
      end.kind === 'outside' &&
      this.#prepared.world.lacks.includes('Pod') &&
      this.#prepared.party(address).pool !== undefined;
    if (isUnseenPod) throw new QuestionError(`${address} is in an IPPool: describe the pod instead`);
    return end;
  }
}

interface Flow {
  readonly source: Candidate;
  readonly destination: Candidate;
  readonly port: string;
  readonly expect: Assertion['expect'];
}

const podEnd = (pod: Pod, name: string): Candidate => ({ kind: 'pod', name, pod, isAssumed: true });

/** A headless Service has no address of its own, and its clients find those of the pods. */
function serviceEnds(behind: ServiceExample): readonly Candidate[] {
  const { service, pods } = behind;
  const name = `service ${service.namespace}/${service.name}`;
  if (service.clusterIPs.length === 0) return pods.map((pod) => podEnd(pod, name));
  return service.clusterIPs.map((address) => ({ kind: 'service', name, service, address, behind }));
}

/** Traffic of a Node to itself, and to its own pods, meets no rule. */
const isOwn = (from: End, to: End): boolean =>
  from.kind === 'node' &&
  ((to.kind === 'node' && to.node === from.node) ||
    (to.kind === 'pod' && to.pod.node === from.node.node.name));

/**
 * The end that the simulator is asked about. A Node reaches the pods behind a Service from its own address, and
 * its own pods without any rule, so it is asked about one elsewhere.
 */
function aim(from: End, to: Candidate, wanted: Wanted): { readonly to: End; readonly wanted: Wanted } {
  const { behind } = to;
  if (behind === undefined || wanted.kind !== 'number') return { to, wanted };
  const { service, info, pods } = behind;
  const index = service.ports.findIndex(
    ({ port, protocol }) => port === wanted.port && protocol === wanted.protocol,
  );
  const target = info.ports[index]?.targetPort;
  if (target === undefined) throw new QuestionError(`${to.name} has no port ${wantedText(wanted)}`);
  if (typeof target === 'string')
    throw new QuestionError(
      `the port ${wantedText(wanted)} of ${to.name} leads to the named port ${target}, whose number is not known`,
    );
  if (from.kind !== 'node') return { to, wanted };
  const pod = pods.find(({ node }) => node !== from.node.node.name);
  if (pod === undefined)
    throw new QuestionError('a Node reaches its own pods whatever rules say, and there is no other Node');
  return { to: podEnd(pod, to.name), wanted: { ...wanted, port: target } };
}

const wantedText = (wanted: Wanted): string => (wanted.kind === 'number' ? portText(wanted) : wanted.kind);

function mayBeNodePort(text: string, unusual: ReadonlySet<string>): boolean {
  const port = parsePort(text);
  if (port.kind !== 'range') return false;
  return (port.from >= 30_000 && port.from <= 32_767) || unusual.has(`${String(port.from)}/${port.protocol}`);
}
