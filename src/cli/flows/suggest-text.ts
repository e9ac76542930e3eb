/** Suggested rules, as the manifests that have them, with a comment on the flows behind each rule. */
import { dump } from 'js-yaml';
import { API_VERSION, KIND, type ClusterFirewall } from '../../api/schema.ts';
import type { Placed } from '../../suggest/place.ts';
import type { Suggestion } from '../../suggest/suggest.ts';
import type { Opened } from '../../suggest/wider.ts';
import type { Counted } from '../../traffic/tally.ts';
import { minuteOf } from '../ago.ts';
import { printable } from '../printable.ts';
import { portOf } from './observe-text.ts';

/** A rule about more flows has its largest ones in its comment. */
const MOST_FLOWS = 5;

/** The firewalls that change, as YAML. */
export const suggestionYaml = ({ rules, firewalls }: Suggestion): string =>
  firewalls
    .filter(({ metadata }) => rules.some(({ firewall }) => firewall === metadata.name))
    .map((firewall) => manifest(firewall, rules))
    .join('---\n');

function manifest({ metadata, spec }: ClusterFirewall, rules: readonly Placed[]): string {
  const own = new Map(
    rules.flatMap((rule) => (rule.firewall === metadata.name ? [[rule.entry.name, rule]] : [])),
  );
  const text = dump({ apiVersion: API_VERSION, kind: KIND, metadata, spec }, { lineWidth: -1 });
  return text
    .split('\n')
    .flatMap((line) => {
      const [, indent = '', name = ''] = /^( *)- name: (.*)$/.exec(line) ?? [];
      const rule = own.get(name.replace(/^'(.*)'$/, '$1'));
      return rule === undefined ? [line] : [...commentsOn(rule).map((each) => `${indent}# ${each}`), line];
    })
    .join('\n');
}

function commentsOn({ atom: { needs } }: Placed): readonly string[] {
  const flows = [...new Map(needs.map(({ flow }) => [flowText(flow), flow])).values()].sort(
    (a, b) => b.connections - a.connections,
  );
  const hidden = flows.length - MOST_FLOWS;
  return [
    ...flows.slice(0, MOST_FLOWS).map((flow) => `Seen: ${flowText(flow)}`),
    ...(hidden > 0 ? [`Seen: ${String(hidden)} more kinds of flows`] : []),
  ].map(printable);
}

function flowText(flow: Counted): string {
  const { from, to, connections, lastSeen, sent } = flow;
  const addresses = [...flow.addresses.keys()];
  const outside =
    addresses.length <= 3 ? addresses.join(', ') : `${String(addresses.length)} addresses outside`;
  const port = portOf({
    ...flow,
    ...(sent !== undefined && sent.port !== flow.port && { sentPort: sent.port }),
  });
  const last = lastSeen === undefined ? '' : `, last at ${minuteOf(new Date(lastSeen).toISOString())} UTC`;
  const count = connections === 1 ? '1 connection' : `${String(connections)} connections`;
  return `${from.name || outside} → ${to.name || outside}, ${port}, ${count}${last}`;
}

/** Why flows have no rule, and what else opens; for standard error. */
export function remarks({ rules, leftOut, refused }: Suggestion, opened: readonly Opened[]): string {
  const wider = opened.filter(({ isSeen }) => !isSeen);
  return [
    refused === 0
      ? 'Enforce would refuse none of these flows'
      : `${counted(rules.length, 'rule')} for ${counted(refused, 'kind')} of flows that Enforce would refuse`,
    ...leftOut.map((each) => `left out: ${flowText(each.flow)}: ${each.why}`),
    ...wider.map(
      ({ from, to, ports }) => `also opens, and was not seen: ${from} → ${to}: ${ports.join(', ')}`,
    ),
  ]
    .map((line) => `${printable(line)}\n`)
    .join('');
}

const counted = (count: number, word: string): string => `${String(count)} ${word}${count === 1 ? '' : 's'}`;

export const suggestionJson = (
  { rules, leftOut, refused }: Suggestion,
  opened: readonly Opened[],
  around: object,
): string =>
  `${JSON.stringify(
    {
      refused,
      rules: rules.map(({ atom, ...rule }) => ({
        ...rule,
        flows: [...new Set(atom.needs.map(({ flow }) => flowText(flow)))],
      })),
      leftOut: leftOut.map(({ flow, why }) => ({ flow: flowText(flow), why })),
      opens: opened,
      ...around,
    },
    undefined,
    2,
  )}\n`;
