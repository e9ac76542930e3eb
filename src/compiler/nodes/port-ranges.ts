/** Ranges of ports, without names and without `All`. */
import type { PortValue } from '../../api/schema.ts';
import type { TransportProtocol } from '../../net/ports.ts';
import { parsePort, TRANSPORTS } from '../../net/ports.ts';

export type PortRange = Extract<ReturnType<typeof parsePort>, { kind: 'range' }>;

export const rangesOf = (ports: readonly PortValue[]): readonly PortRange[] =>
  ports.map(parsePort).filter((port) => port.kind === 'range');

const LAST_PORT = 65_535;
const isEveryPort = ({ from, to }: PortRange): boolean => from === 1 && to === LAST_PORT;

/** The same without `All/TCP` and the like, which name no port. */
export const namedRangesOf = (ports: readonly PortValue[]): readonly PortRange[] =>
  rangesOf(ports).filter((range) => !isEveryPort(range));

export const covers = (some: readonly PortRange[], piece: PortRange): boolean =>
  some.some(({ protocol, from, to }) => protocol === piece.protocol && from <= piece.from && piece.to <= to);

/** Cuts ranges at every beginning and end, so each piece is wholly inside or wholly outside of a range. */
export function piecesOf(all: readonly PortRange[]): readonly PortRange[] {
  return TRANSPORTS.flatMap((protocol: TransportProtocol) => {
    const own = all.filter((range) => range.protocol === protocol);
    const starts = [...new Set(own.flatMap(({ from, to }) => [from, to + 1]))].sort((a, b) => a - b);
    return starts.flatMap((from, index): PortRange[] => {
      const next = starts[index + 1];
      if (next === undefined || !own.some((range) => range.from <= from && from <= range.to)) return [];
      return [{ kind: 'range', protocol, from, to: next - 1 }];
    });
  });
}
