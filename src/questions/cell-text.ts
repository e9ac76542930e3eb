/** Cells of packets in words. */
import type { Cell } from '../simulator/cells.ts';
import { PROTOCOL_NAMES } from './packet-text.ts';

const LAST_PORT = 65_535;
/** In place of ports. */
export const EVERYTHING = 'everything';
/** In place of the ports that nothing else in a list is about. */
export const EVERYTHING_ELSE = 'everything else';

/** The chosen cells, adjacent ones together. Every cell: `EVERYTHING`. */
export function portsText(cells: readonly Cell[], isChosen: (index: number) => boolean): readonly string[] {
  const chosen = cells.map((_, index) => isChosen(index));
  if (chosen.every((each) => each)) return [EVERYTHING];
  if (!chosen.includes(true)) return [];
  const byProtocol = Map.groupBy(cells.keys(), (index) => cells[index]?.protocol);
  return [...byProtocol].flatMap(([protocol, indexes]) => {
    const own = indexes.filter((index) => chosen[index] === true).flatMap((index) => cells[index] ?? []);
    if (own.length === 0) return [];
    const name =
      protocol === undefined
        ? 'other protocols'
        : (PROTOCOL_NAMES.get(protocol) ?? `protocol ${String(protocol)}`);
    if (own.length === indexes.length) return [name];
    if (own.some(({ icmp }) => icmp !== undefined)) return own.map((cell) => `${icmpText(cell)}/${name}`);
    return rangesOf(
      own,
      indexes.flatMap((index) => cells[index] ?? []),
    ).map((range) => `${range}/${name}`);
  });
}

function icmpText({ icmp }: Cell): string {
  if (icmp?.type === undefined) return 'other types';
  return icmp.code === undefined
    ? `type ${String(icmp.type)}`
    : `type ${String(icmp.type)} code ${String(icmp.code)}`;
}

/** Ranges of ports; those that are open from some source ports alone say so. */
function rangesOf(own: readonly Cell[], all: readonly Cell[]): readonly string[] {
  const sourcesOf = (cells: readonly Cell[], from: number): number =>
    cells.filter(({ ports }) => ports.from === from).length;
  const ports = [...new Map(own.map((cell) => [cell.ports.from, cell.ports])).values()].sort(
    (a, b) => a.from - b.from,
  );
  const found: { from: number; to: number; isWhole: boolean }[] = [];
  for (const { from, to } of ports) {
    const isWhole = sourcesOf(own, from) === sourcesOf(all, from);
    const last = found.at(-1);
    if (last !== undefined && last.isWhole === isWhole && last.to + 1 === from) last.to = to;
    else found.push({ from, to, isWhole });
  }
  return found.map(({ from, to, isWhole }) => {
    const range =
      from === to
        ? String(from)
        : from <= 1 && to === LAST_PORT
          ? '1-65535'
          : `${String(from)}-${String(to)}`;
    return isWhole ? range : `${range} (from some source ports)`;
  });
}
