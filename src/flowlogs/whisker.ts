/**
 * Reads the flows of Whisker's backend (whisker-backend/pkg/apis/v1/flows.go at v3.31): a list in JSON, or with
 * `watch=true` one event a line.
 */
import { isRecord, valueAt } from '../json.ts';
import { FlowLogError, type Emit, type Flow, type LineReader, type Seen } from './flow.ts';
import { portOf, protocolOf } from './protocol.ts';

export const isWhisker = (line: string): boolean => /^(?:data: )?\s*[[{]/.test(line);

/** A list is read as a whole. One of this size has some 100,000 flows. */
const MOST_CHARACTERS = 100_000_000;

export function whiskerReader(emit: Emit): LineReader {
  const lines: string[] = [];
  let length = 0;
  return {
    line: (text) => {
      if (text.startsWith('data: ')) {
        emit(flowOf(parse(text.slice('data: '.length))));
        return;
      }
      length += text.length;
      if (length > MOST_CHARACTERS)
        throw new FlowLogError(
          'is a list too long to read at once: ask Whisker with watch=true, or for less time',
        );
      lines.push(text);
    },
    end: () => {
      if (lines.length === 0) return;
      const value = parse(lines.join('\n'));
      const items = Array.isArray(value) ? value : valueAt(value, 'items');
      if (!Array.isArray(items)) throw new FlowLogError(NO_FLOWS);
      for (const item of items) emit(flowOf(item));
    },
  };
}

const NO_FLOWS = "is JSON, but not flows of Whisker's backend: give the answer to GET /whisker-backend/flows";

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FlowLogError('is no whole JSON: was it cut off? Ask Whisker again');
  }
}

function flowOf(value: unknown): Flow {
  if (!isRecord(value)) throw new FlowLogError(NO_FLOWS);
  const text = (key: string): string => {
    const of = value[key];
    if (typeof of !== 'string') throw new FlowLogError(`${NO_FLOWS}; a flow has no text "${key}"`);
    return of;
  };
  const port = value['dest_port'];
  const reporter = text('reporter');
  const lastSeen = Date.parse(text('end_time'));
  if (!Number.isInteger(port) || !['Src', 'Dst'].includes(reporter) || Number.isNaN(lastSeen))
    throw new FlowLogError(`${NO_FLOWS}; a flow has no dest_port, reporter or end_time`);
  const counts = ['packets_in', 'packets_out'].map((key) => value[key]);
  const verdict = pendingOf(valueAt(value, 'policies', 'pending'));
  const protocol = protocolOf(text('protocol'));
  const at = reporter === 'Src' ? 'source' : 'destination';
  return {
    from: endOf(text('source_namespace'), text('source_name')),
    to: endOf(text('dest_namespace'), text('dest_name')),
    protocol,
    ...portOf(protocol, Number(port)),
    connections: 1,
    lastSeen,
    ...(counts.some((count) => count !== 0) && { answered: counts.every((count) => count !== 0) }),
    ...(verdict !== undefined && { pending: { at, verdict } }),
  };
}

const NETWORKS: ReadonlyMap<string, boolean> = new Map([
  ['PUBLIC NETWORK', true],
  ['pub', true],
  ['PRIVATE NETWORK', false],
  ['pvt', false],
]);
const NO_NAMESPACE = ['', '-', 'Global'];

function endOf(namespace: string, name: string): Seen {
  const isGlobal = NO_NAMESPACE.includes(namespace);
  const isPublic = NETWORKS.get(name);
  if (isGlobal && isPublic !== undefined) return { kind: 'network', isPublic };
  return { kind: 'name', ...(!isGlobal && { namespace }), name };
}

/** The last policy decides. They stand in any order. */
function pendingOf(hits: unknown): 'Allowed' | 'Denied' | undefined {
  const policies: readonly unknown[] = Array.isArray(hits) ? hits : [];
  const order = (hit: unknown): number => Number(valueAt(hit, 'policy_index') ?? 0);
  const action = valueAt([...policies].sort((a, b) => order(a) - order(b)).at(-1), 'action');
  if (action === 'Deny') return 'Denied';
  return action === 'Allow' ? 'Allowed' : undefined;
}
