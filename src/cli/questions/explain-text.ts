/** An explanation for people: the verdict first, then the reason, the way, and what would open it. */
import { dump } from 'js-yaml';
import type { Explanation } from '../../questions/explain.ts';
import type { Passed } from '../../questions/passed.ts';
import { differenceText } from '../../questions/nearest.ts';
import { portText } from '../../questions/packet-text.ts';
import type { Verdict } from '../../simulator/decision.ts';
import type { Step } from '../../simulator/trail.ts';
import { printable } from '../printable.ts';
import { endsText, type Group } from './groups.ts';
import { at, placeText, policyName, policyText, ruleText } from './place-text.ts';
import { wrapped } from './wrap.ts';

const INDENT = 9;
/** A way has at most these lines. */
const MOST_PLACES = 5;
const line = (label: string, text: string): string => wrapped(label, text, INDENT);

export function explanationText({ first, all, others }: Group): string {
  const { cause, remarks } = first;
  const verdict = cause.verdict.toUpperCase();
  return [
    wrapped(
      verdict,
      `${endsText({ all, others }, 'from')} → ${endsText({ all, others }, 'to')}, ${sentText(first)}`,
      INDENT,
    ),
    '\n',
    line('Why', `${whyText(first)}.${placeText(cause)}`),
    pathText(first),
    nearestText(first),
    additionText(first),
    stagedText(first),
    ...remarks.map((remark, index) => line(index === 0 ? 'Note' : '', `${remark}.`)),
  ].join('');
}

/** `5432/TCP`, as the packet is sent. */
function sentText({ answer: { header } }: Explanation): string {
  const { protocol, port } = header;
  return [1, 58].includes(protocol) ? 'ICMP echo' : portText({ protocol, port });
}

function whyText({ decidedAt }: Pick<Explanation, 'decidedAt'>): string {
  const { step, cause } = decidedAt;
  const { kind } = step.decision.by;
  const isOpen = cause.verdict === 'Allowed' && cause.policies.length === 0 && kind !== 'failsafe';
  return isOpen ? 'no policy closes it' : `${whereText(decidedAt)}: ${cause.text}`;
}

const WOULD: Readonly<Record<Verdict, string>> = {
  Allowed: 'would allow it',
  Denied: 'would deny it',
  Unknown: 'would do nobody knows what',
};

/** All staged policies together, as if they were enforced. */
function stagedText({ staged, cause }: Explanation): string {
  if (staged === undefined) return '';
  const { verdict, decidedAt, removals } = staged;
  const too = verdict === cause.verdict ? ', too' : '';
  const removed = removals.map((policy) => ` ${policyName(policy)} removes its namesake.`).join('');
  return line(
    'Staged',
    `${WOULD[verdict]}${too}: ${whyText(staged)}.${placeText(decidedAt.cause)}${removed}`,
  );
}

const LAYERS: Readonly<Record<Step['layer'], string>> = {
  'pod egress': 'out of',
  'pod ingress': 'into',
  'host before DNAT': 'before DNAT on',
  'host ingress': 'into',
  'host egress': 'out of',
  'host forward in': 'forwarded in by',
  'host forward out': 'forwarded out by',
  'pod to its node': 'to its own node',
  tunnel: 'through VXLAN to',
  Service: '',
  delivery: 'at',
};

function whereText({ step, pod }: Passed): string {
  const { layer, node, endpoint } = step;
  if (layer === 'Service') return endpoint;
  return `${LAYERS[layer]} ${pod === undefined ? `node ${node}` : `pod ${pod}`}`;
}

function pathText({ path, answer }: Explanation): string {
  const lines = path.map((passed) => {
    const { step, cause } = passed;
    const isEnd = step === answer.outcome.decisive && cause.verdict !== 'Allowed';
    return `${whereText(passed)}: ${isEnd ? cause.verdict.toUpperCase() : cause.text}`;
  });
  const hidden = lines.length - MOST_PLACES + 1;
  const shownLines =
    hidden <= 1
      ? lines
      : [...lines.slice(0, 2), `${String(hidden)} more places let it pass`, ...lines.slice(-2)];
  return shownLines
    .map((text, index) => wrapped(index === 0 ? 'Path' : '', `${String(index + 1)}. ${text}`, INDENT))
    .join('');
}

function nearestText({ nearest, answer }: Explanation): string {
  if (nearest === undefined) return '';
  const { header, outcome } = answer;
  const asked = portText({ ...header, port: outcome.decisive.port });
  const { rule, policy } = nearest;
  const name = rule === undefined ? policyName(policy) : `rule ${rule.id}`;
  const place = rule === undefined ? policyText(policy) : ruleText(rule);
  return line('Nearest', `${name}: ${differenceText(nearest, asked)}. ${place}.`);
}

/** The guardrail for ports of nodes that only some may reach. */
const isOfPodsToNodes = (id: string): boolean => id.endsWith('/nodes/pods');

function additionText({ addition, cause }: Explanation): string {
  if (addition === undefined) {
    if (cause.denial !== 'rule' || cause.rule === undefined) return '';
    const way = isOfPodsToNodes(cause.rule.id)
      ? 'only a zone of spec.nodes from a peer with these pods takes the port out of that rule.'
      : 'nothing opens it while that rule stands, because no other rule overrides it.';
    return line('Add', way);
  }
  const text = dump([addition.entry], { lineWidth: -1 });
  const lines = text.trimEnd().split('\n');
  const indented = lines.map((each) => `${' '.repeat(INDENT)}${printable(each)}`).join('\n');
  const { firewall, field, place } = addition;
  const where = place === undefined ? `${field} of ClusterFirewall ${firewall}` : `${field} (${at(place)})`;
  return `${line('Add', `to ${where}, and it is allowed:`)}${indented}\n`;
}
