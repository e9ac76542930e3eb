/** IP protocols and ports as Calico writes them. */
import { FieldError, type Fields } from './fields.ts';
import type { PortRange, Ports } from './policy.ts';

/** IANA's numbers of the names that Calico knows (api/pkg/lib/numorstring, protocol.go). */
export const PROTOCOL = { ICMP: 1, TCP: 6, UDP: 17, ICMPv6: 58, SCTP: 132, UDPLite: 136 } as const;

const BY_NAME: ReadonlyMap<string, number> = new Map(
  Object.entries(PROTOCOL).map(([name, number]) => [name.toLowerCase(), number]),
);

const WITH_PORTS: ReadonlySet<number> = new Set([
  PROTOCOL.TCP,
  PROTOCOL.UDP,
  PROTOCOL.SCTP,
  PROTOCOL.UDPLite,
]);
export const hasPorts = (protocol: number | undefined): boolean =>
  protocol !== undefined && WITH_PORTS.has(protocol);

/** @throws FieldError for something that is neither a known name nor a number from 0 to 255 */
export function readProtocol(fields: Fields, key: string): number | undefined {
  const value = fields.raw(key);
  if (value === undefined) return undefined;
  const named = typeof value === 'string' ? BY_NAME.get(value.toLowerCase()) : undefined;
  const number = named ?? (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value);
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= 255) return number;
  throw new FieldError(fields.at(key), 'is no IP protocol: write a name such as TCP, or a number');
}

/** Absent and empty lists are the same: they say nothing. */
export function readPorts(fields: Fields, key: string): Ports | undefined {
  const values = fields.values(key);
  if (values.length === 0) return undefined;
  const ranges: PortRange[] = [];
  const names: string[] = [];
  for (const [index, value] of values.entries()) {
    const range = rangeOf(value);
    if (range !== undefined) ranges.push(range);
    else if (typeof value === 'string' && /^[a-zA-Z0-9_.-]+$/.test(value)) names.push(value);
    else throw new FieldError(`${fields.at(key)}[${String(index)}]`, 'is no port');
  }
  return { ranges, names };
}

function rangeOf(value: unknown): PortRange | undefined {
  const [, first, last] = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(String(value)) ?? [];
  if (first === undefined) return undefined;
  const [from, to] = [Number(first), Number(last ?? first)];
  return from <= to && to <= 65_535 ? { from, to } : undefined;
}
