/** The port of a question, as people write it. */
import { PROTOCOL } from '../calico/read/protocols.ts';
import { parsePort, PortError } from '../net/ports.ts';
import type { NamedPort } from '../calico/read/objects.ts';
import { listed, QuestionError } from './errors.ts';

export const PROTOCOL_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(PROTOCOL).map(([name, number]) => [number, name]),
);

export type Wanted =
  | { readonly kind: 'number'; readonly protocol: number; readonly port: number }
  | { readonly kind: 'name'; readonly protocol: number; readonly name: string }
  | { readonly kind: 'icmp' };

/** `5432`, `53/UDP`, `http` or `ICMP`. @throws QuestionError */
export function parseWanted(text: string): Wanted {
  try {
    const port = parsePort(/^icmp$/i.test(text) ? 'ICMP' : text);
    if (port.kind === 'icmp') return { kind: 'icmp' };
    if (port.kind === 'named') return { kind: 'name', protocol: PROTOCOL[port.protocol], name: port.name };
    if (port.kind === 'range' && port.from === port.to)
      return { kind: 'number', protocol: PROTOCOL[port.protocol], port: port.from };
  } catch (error) {
    if (!(error instanceof PortError)) throw error;
    throw new QuestionError(error.message);
  }
  throw new QuestionError(`"${text}" is more than one port: give one, as 5432, 53/UDP, http or ICMP`);
}

/** The number of a port by its name. @param of what has the ports, for the message */
export function portByName(
  { name, protocol }: Extract<Wanted, { readonly kind: 'name' }>,
  ports: readonly NamedPort[],
  of: string,
): number {
  const found = ports.find((port) => port.name === name && port.protocol === protocol);
  if (found !== undefined) return found.port;
  const known = ports.map((port) => `${port.name} (${portText(port)})`);
  const those = known.length === 0 ? 'it has no named port' : `it has ${listed(known)}`;
  throw new QuestionError(`${of} has no port called "${name}": ${those}`);
}

export const portText = ({ protocol, port }: { readonly protocol: number; readonly port: number }): string =>
  `${String(port)}/${PROTOCOL_NAMES.get(protocol) ?? String(protocol)}`;
