/** Reads what `calico-node -flows` prints (node/pkg/flowlogs/flowlogs.go at v3.31): a block of lines for each flow. */
import { FlowLogError, type Emit, type Flow, type LineReader, type Seen } from './flow.ts';
import { parseHits, verdictOf } from './hits.ts';
import { portOf, protocolOf } from './protocol.ts';

const HEAD =
  /^- Time=(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? ([+-]\d\d)(\d\d) \S+ Reporter=(Src|Dst) Action=(\w+)$/;
const ENDS = /^ {2}Src=\{(.+?)\} Dst=\{(\S+\)) Svc:\S*\} Proto=\{(\w+)\((\d+)\) Svc:\S*\}$/;
const COUNTS =
  /^ {2}Counts=\{Ingress: ?(\d+)Pkts\/\d+Bytes Egress: ?(\d+)Pkts\/\d+Bytes\} Connections=\{Started:(\d+) Completed:\d+ Live:(\d+)\}$/;

export const isCalicoNode = (line: string): boolean => HEAD.test(line);

interface Block {
  readonly at: 'source' | 'destination';
  readonly lastSeen: number;
  ends: Pick<Flow, 'from' | 'to' | 'protocol' | 'port' | 'icmpType'> | undefined;
  counts: Pick<Flow, 'connections' | 'answered'> | undefined;
  started: number;
  section: 'Enforced' | 'Pending' | undefined;
  enforced: string;
  pending: string;
}

export function calicoNodeReader(emit: Emit): LineReader {
  let block: Block | undefined;
  const flush = (): void => {
    if (block === undefined) return;
    if (block.section !== 'Pending') throw new FlowLogError(CUT);
    emit(flowOf(block));
    block = undefined;
  };
  return {
    line: (text) => {
      const head = HEAD.exec(text);
      if (head !== null) {
        flush();
        block = blockOf(head);
      } else if (block === undefined || !takes(block, text)) throw new FlowLogError(NO_FLOW);
    },
    end: flush,
  };
}

const CUT = 'ends in the middle of a flow: was it cut off? Give the whole output of `calico-node -flows`';
const NO_FLOW = 'is not as `calico-node -flows` prints it: give its standard output alone, as it was printed';

function blockOf([, day = '', time = '', hours = '', minutes = '', reporter]: RegExpExecArray): Block {
  const lastSeen = Date.parse(`${day}T${time}${hours}:${minutes}`);
  const at = reporter === 'Src' ? 'source' : 'destination';
  const unread = { ends: undefined, counts: undefined, section: undefined, started: 0 };
  return { at, lastSeen, ...unread, enforced: '', pending: '' };
}

/** False for a line that has no place here. */
function takes(block: Block, text: string): boolean {
  if (block.ends === undefined) return (block.ends = endsOf(text)) !== undefined;
  if (block.counts === undefined) return takesCounts(block, text);
  const section = /^ {2}(Enforced|Pending):$/.exec(text)?.[1];
  if (section === 'Enforced' && block.section === undefined) block.section = section;
  else if (section === 'Pending' && block.section === 'Enforced') block.section = section;
  else if (block.section === undefined || !/^(?: {2}- .*)?$/.test(text)) return false;
  else if (block.section === 'Pending') block.pending += text;
  else block.enforced += text;
  return true;
}

function endsOf(text: string): Block['ends'] {
  const [, from, to, name = '', port] = ENDS.exec(text) ?? [];
  const [source, destination] = [endOf(from), endOf(to)];
  if (source === undefined || destination === undefined) return undefined;
  const protocol = protocolOf(name);
  return { from: source, to: destination, protocol, ...portOf(protocol, Number(port)) };
}

const KINDS = { wep: 'pod', hep: 'host endpoint', ns: 'network set' } as const;

function endOf(text = ''): Seen | undefined {
  const [, kind = '', namespace = '', name = ''] = /^(\w+)\(([^/()]*)\/([^()]*)\)$/.exec(text) ?? [];
  if (kind === 'net' && (name === 'pub' || name === 'pvt'))
    return { kind: 'network', isPublic: name === 'pub' };
  if (!(kind in KINDS)) return undefined;
  const of = KINDS[kind as keyof typeof KINDS];
  return { kind: 'name', ...(namespace !== '' && namespace !== '-' && { namespace }), name, of };
}

function takesCounts(block: Block, text: string): boolean {
  const [whole, into = '', out = '', started, live] = COUNTS.exec(text) ?? [];
  if (whole === undefined) return false;
  const isCounted = into !== '0' || out !== '0';
  block.started = Number(started);
  block.counts = {
    connections: Math.max(block.started, Number(live)),
    ...(isCounted && { answered: into !== '0' && out !== '0' }),
  };
  return true;
}

function flowOf(block: Block): Flow {
  const { at, lastSeen, ends, counts, started } = block;
  if (ends === undefined || counts === undefined) throw new FlowLogError(CUT);
  const policies = { enforced: parseHits(block.enforced), pending: parseHits(block.pending) };
  const verdict = verdictOf(policies.pending);
  return {
    ...ends,
    ...counts,
    lastSeen,
    ...(verdict !== undefined && { pending: { at, verdict } }),
    policies: { at, ...policies, started },
  };
}
