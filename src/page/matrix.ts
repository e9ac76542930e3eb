/** The matrix: a grid of one page of sources and one of destinations, moved through by arrow keys. */
import type { PageData } from './data.ts';
import { button, element, find } from './dom.ts';
import type { View } from './view.ts';

/** Rows and columns of one page. A browser lays out a table of that size at once. */
const PAGE = 100;
/** Ports that a cell names. */
const MOST_PORTS = 2;

export interface Place {
  readonly row: number;
  readonly column: number;
}

/** @param first of the rows and columns that are shown */
export function showMatrix(
  data: PageData,
  view: View,
  open: (row: number, column: number) => void,
  first: Place = { row: 0, column: 0 },
): void {
  const rows = view.rows.slice(first.row, first.row + PAGE);
  const columns = view.columns.slice(first.column, first.column + PAGE);
  const move = (to: Place): void => {
    showMatrix(data, view, open, to);
  };
  find('pages', HTMLElement).replaceChildren(
    ...pager('sources', view.rows.length, first.row, (row) => {
      move({ ...first, row });
    }),
    ...pager('destinations', view.columns.length, first.column, (column) => {
      move({ ...first, column });
    }),
  );
  const name = (text = ''): HTMLElement => element('span', { title: text }, text);
  const heads = columns.map((column) =>
    element('th', { scope: 'col' }, name(data.destinations[column]?.name)),
  );
  const corner = element('th', { scope: 'col' }, 'From');
  const lines = rows.map((row) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, data.sources[row]?.name ?? ''),
      ...columns.map((column) => cellOf(data, view, row, column)),
    ),
  );
  const body = element('tbody', {}, ...lines);
  const labels = { role: 'grid', class: 'matrix', 'aria-labelledby': 'matrix-title' };
  const table = element(
    'table',
    { ...labels, 'aria-describedby': 'matrix-help' },
    element('thead', {}, element('tr', {}, corner, ...heads)),
    body,
  );
  const isEmpty = rows.length === 0 || columns.length === 0;
  find('matrix', HTMLElement).replaceChildren(
    isEmpty ? element('p', {}, 'No end has these names.') : element('div', { class: 'scroll' }, table),
  );
  moveByKeys(body, (at) => {
    const [row, column] = [rows[at.row], columns[at.column]];
    if (row !== undefined && column !== undefined) open(row, column);
  });
}

function cellOf(data: PageData, view: View, row: number, column: number): HTMLTableCellElement {
  const all = data.contents[data.table[row]?.[column] ?? -1] ?? [];
  const flows = view.openFlows(row, column).flatMap(([flow]) => data.flows[flow] ?? []);
  if (all.length === 0) return element('td', { class: 'none', 'aria-label': 'no flow' }, '');
  if (flows.length === 0) return element('td', { class: 'Denied', 'aria-label': 'denied' }, '–');
  const isUnknown = flows.some(({ verdict }) => verdict === 'Unknown');
  const ports = [...new Set(flows.flatMap((flow) => flow.ports))];
  const more = ports.length > MOST_PORTS ? ` +${String(ports.length - MOST_PORTS)}` : '';
  const text = `${isUnknown ? '? ' : ''}${ports.slice(0, MOST_PORTS).join(', ')}${more}`;
  return element('td', { class: isUnknown ? 'Unknown' : 'Allowed' }, text);
}

function pager(
  what: string,
  all: number,
  first: number,
  move: (to: number) => void,
): readonly (Node | string)[] {
  if (all <= PAGE) return [];
  const step = (way: string, to: number): HTMLButtonElement => {
    const text = `${way} ${what}`;
    return button(text, to >= 0 && to < all, () => {
      move(to);
      // The buttons are new ones, and the keyboard stays where it was.
      const buttons = [...find('pages', HTMLElement).querySelectorAll('button')];
      const enabled = buttons.filter(({ disabled }) => !disabled);
      (enabled.find(({ textContent }) => textContent === text) ?? enabled[0])?.focus();
      find('count', HTMLElement).textContent = rangeText(what, all, to);
    });
  };
  return [step('Previous', first - PAGE), rangeText(what, all, first), step('Next', first + PAGE)];
}

const rangeText = (what: string, all: number, first: number): string =>
  `${what} ${String(first + 1)} to ${String(Math.min(first + PAGE, all))} of ${String(all)}`;

const STEPS: Readonly<Record<string, (at: Place, last: Place) => Place>> = {
  ArrowLeft: (at) => ({ ...at, column: at.column - 1 }),
  ArrowRight: (at) => ({ ...at, column: at.column + 1 }),
  ArrowUp: (at) => ({ ...at, row: at.row - 1 }),
  ArrowDown: (at) => ({ ...at, row: at.row + 1 }),
  Home: (at) => ({ ...at, column: 0 }),
  End: (at, last) => ({ ...at, column: last.column }),
};

/** One cell of the grid is in the order of Tab: the one that had the focus last. */
function moveByKeys(body: HTMLTableSectionElement, open: (at: Place) => void): void {
  const cellAt = ({ row, column }: Place): HTMLElement | undefined => body.rows[row]?.cells[column + 1];
  const placeOf = (target: EventTarget | null): Place | undefined => {
    const cell = target instanceof Element ? target.closest('td') : null;
    const line = cell?.closest('tr');
    return cell && line ? { row: line.sectionRowIndex, column: cell.cellIndex - 1 } : undefined;
  };
  let current = cellAt({ row: 0, column: 0 });
  current?.setAttribute('tabindex', '0');
  for (const cell of body.querySelectorAll('td')) if (cell !== current) cell.setAttribute('tabindex', '-1');
  body.addEventListener('focusin', ({ target }) => {
    if (!(target instanceof HTMLElement)) return;
    current?.setAttribute('tabindex', '-1');
    current = target;
    current.setAttribute('tabindex', '0');
  });
  body.addEventListener('click', ({ target }) => {
    const at = placeOf(target);
    if (at === undefined) return;
    cellAt(at)?.focus();
    open(at);
  });
  body.addEventListener('keydown', (event) => {
    const at = placeOf(event.target);
    if (at === undefined) return;
    const last = { row: body.rows.length - 1, column: (body.rows[0]?.cells.length ?? 0) - 2 };
    const step = STEPS[event.key];
    if (step === undefined && event.key !== 'Enter') return;
    event.preventDefault();
    if (step === undefined) open(at);
    else cellAt(step(at, last))?.focus();
  });
}
