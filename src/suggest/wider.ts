/** The flows that suggested rules open, and whether they were seen. */
import { parseAddress } from '../net/cidr.ts';
import { difference, type Change } from '../questions/diff.ts';
import { portText } from '../questions/packet-text.ts';
import { partyText } from '../questions/party-text.ts';
import type { Setting } from '../questions/explain.ts';
import type { Party } from '../simulator/parties.ts';
import type { Range } from '../simulator/ranges.ts';
import { podName } from '../simulator/world.ts';
import type { End } from '../traffic/ends.ts';
import type { Counted } from '../traffic/tally.ts';
import type { Suggestion } from './suggest.ts';

export interface Opened {
  readonly from: string;
  readonly to: string;
  readonly ports: readonly string[];
  /** True where flows between these ends were seen on all these ports. */
  readonly isSeen: boolean;
}

/** Exact, as `diff` is. @throws QuestionError where there are too many ends */
export function openedBy({ prepared, provenance }: Setting, { after, rules }: Suggestion): readonly Opened[] {
  if (rules.length === 0) return [];
  const { changes, parties } = difference({ prepared, provenance }, { prepared: after, provenance });
  const needs = rules.flatMap(({ atom }) => atom.needs.map(({ flow }) => flow));
  const rows = changes.filter(({ kind }) => kind === 'opens');
  const opened = rows.map((change) => ({
    from: partyText(change.from, after, parties).name,
    to: partyText(change.to, after, parties).name,
    ports: change.ports,
    isSeen: isSeen(change, needs),
  }));
  return [...new Map(opened.map((each) => [JSON.stringify(each), each])).values()];
}

const isSeen = ({ from, to, ports }: Change, flows: readonly Counted[]): boolean => {
  const between = flows.filter((flow) => isIn(flow.from, from, flow) && isIn(flow.to, to, flow));
  const seen = new Set(
    between.flatMap((flow) => [
      portText(flow),
      ...(flow.sent === undefined ? [] : [portText({ ...flow, port: flow.sent.port })]),
    ]),
  );
  return between.length > 0 && ports.every((port) => seen.has(port) || port.startsWith('ICMP'));
};

const isInside = (address: string, ranges: readonly Range[]): boolean => {
  const { value } = parseAddress(address);
  return ranges.some(({ from, to }) => from <= value && value <= to);
};

function isIn({ candidates }: End, party: Party, { addresses, sent }: Counted): boolean {
  return candidates.some((each) => {
    if (party.kind === 'pods') return each.kind === 'pod' && party.names.includes(podName(each.pod));
    // A port of a node leads to the pod.
    if (party.kind === 'nodes')
      return (
        (each.kind === 'node' && party.names.includes(each.node.node.name)) ||
        (each.kind === 'pod' && sent !== undefined)
      );
    return (
      each.kind === 'outside' &&
      [...addresses.keys()].some((address) => isInside(address, party.class.ranges))
    );
  });
}
