/** Flows as a table of lines, for those who read a list rather than a matrix, and for paper. */
import type { PageData } from './data.ts';
import { button, element, list } from './dom.ts';
import type { View } from './view.ts';

/** More lines than a person reads at once. */
const FIRST_LINES = 200;

/** @param rows sources that are listed */
export function showFlows(
  at: HTMLElement,
  data: PageData,
  view: View,
  rows: readonly number[],
  most = FIRST_LINES,
): void {
  const body = element('tbody', {});
  let left = 0;
  for (const row of rows) {
    for (const column of view.columns) {
      for (const [flow, ...reasons] of view.openFlows(row, column)) {
        if (body.rows.length >= most) left++;
        else body.append(lineOf(data, [row, column], flow, reasons));
      }
    }
  }
  const heads = ['From', 'To', 'Ports', 'Why'].map((text) => element('th', { scope: 'col' }, text));
  const table = element('table', { class: 'list' }, element('thead', {}, element('tr', {}, ...heads)), body);
  const all = (): void => {
    showFlows(at, data, view, rows, Infinity);
  };
  const more = element('p', { class: 'more' }, button(`Show ${String(left)} more`, true, all));
  const isEmpty = body.rows.length === 0;
  at.replaceChildren(isEmpty ? element('p', {}, 'None.') : table, ...(left > 0 ? [more] : []));
}

function lineOf(
  data: PageData,
  [row, column]: readonly [number, number],
  flow: number,
  reasons: readonly number[],
): HTMLTableRowElement {
  return element(
    'tr',
    {},
    element('th', { scope: 'row' }, data.sources[row]?.name ?? ''),
    element('td', {}, data.destinations[column]?.name ?? ''),
    element('td', {}, portsText(data, flow)),
    element('td', {}, reasonList(data, reasons)),
  );
}

/** `80/TCP, 443/TCP (IPv4)`. */
export function portsText({ flows }: PageData, flow: number): string {
  const { ports, where, verdict } = flows[flow] ?? { ports: [], where: '', verdict: 'Denied' };
  const unknown = verdict === 'Unknown' ? 'Unknown: ' : '';
  return `${unknown}${ports.join(', ')}${where === '' ? '' : ` (${where})`}`;
}

export const reasonList = ({ reasons }: PageData, indexes: readonly number[]): HTMLUListElement =>
  list(indexes.map((index) => reasons[index] ?? ''));
