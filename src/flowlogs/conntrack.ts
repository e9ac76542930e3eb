/**
 * Reads `conntrack -L`, with and without `-o extended`, and /proc/net/nf_conntrack. Each line has two tuples:
 * that of the first packet, and that of the answer, in which NAT shows (net/netfilter/nf_conntrack_standalone.c).
 */
import { AddressError, formatAddress, parseAddress } from '../net/cidr.ts';
import { FlowLogError, type Emit, type Flow, type LineReader } from './flow.ts';

const ENTRY =
  /^(?:ipv[46]\s+\d+\s+)?(\w+)\s+(\d+)\s+(?:\d+\s+)?(?:([A-Z_0-9]+)\s+)?src=(\S+) dst=(\S+)(.*?) src=(\S+) dst=(\S+)( .*)? use=\d+(?: id=\d+)?\s*$/;
/** The last line of conntrack, on standard error. */
const TRAILER = /^conntrack v\S+ \(conntrack-tools\): (\d+) flow entries have been shown\.$/;

export const isConntrack = (line: string): boolean => ENTRY.test(line) || TRAILER.test(line);

export function conntrackReader(emit: Emit): LineReader {
  let [seen, announced] = [0, 0];
  let isAnnounced = false;
  return {
    line: (text) => {
      const count = TRAILER.exec(text)?.[1];
      if (count !== undefined) {
        isAnnounced = true;
        announced += Number(count);
        return;
      }
      emit(flowOf(text));
      seen += 1;
    },
    end: () => {
      if (isAnnounced && seen !== announced)
        throw new FlowLogError(
          `has ${String(seen)} connections, and conntrack says that it printed ${String(announced)}: was it cut off? Make the dump again`,
        );
    },
  };
}

function flowOf(line: string): Flow {
  const match = ENTRY.exec(line);
  if (match === null) throw new FlowLogError(NO_ENTRY);
  const [, , number = '', state = '', source = '', destination = '', first = ''] = match;
  const [, , , , , , , replySource = '', , last = ''] = match;
  const protocol = Number(number);
  const sent = { address: canonical(destination), port: valueIn(first, 'dport') };
  const to = { address: canonical(replySource), port: valueIn(last, 'sport') };
  const isTranslated = to.address !== sent.address || to.port !== sent.port;
  const isIcmp = first.includes(' type=');
  return {
    from: { kind: 'address', address: canonical(source) },
    to: { kind: 'address', address: to.address },
    protocol,
    port: to.port,
    ...(isIcmp && { icmpType: valueIn(first, 'type') }),
    ...(isTranslated && { sent }),
    connections: 1,
    answered: isAnswered(protocol, state, `${first}${last}`),
  };
}

const NO_ENTRY =
  'is no entry of connection tracking: give the whole output of `conntrack -L -o extended`, without -o xml, colours or messages of other programs';

/** A TCP connection counts once it was established: a reset answers, too, and is no service. */
function isAnswered(protocol: number, state: string, rest: string): boolean {
  if (rest.includes('[UNREPLIED]')) return false;
  return protocol !== TCP || state === 'ESTABLISHED' || rest.includes('[ASSURED]');
}

const TCP = 6;

function valueIn(text: string, key: string): number {
  const at = text.indexOf(` ${key}=`);
  return at < 0 ? 0 : Number.parseInt(text.slice(at + key.length + 2), 10);
}

function canonical(text: string): string {
  if (!text.includes(':') && /^\d+\.\d+\.\d+\.\d+$/.test(text)) return text;
  try {
    return formatAddress(parseAddress(text));
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new FlowLogError(`has an address that cannot be read: ${error.message}`);
  }
}
