/** The rules behind one cell, in a dialog. */
import type { PageData, PageParty } from './data.ts';
import { element, find, list } from './dom.ts';
import { portsText, reasonList } from './flow-list.ts';

export function showDetails(data: PageData, row: number, column: number): void {
  const [from, to] = [data.sources[row], data.destinations[column]];
  if (from === undefined || to === undefined) return;
  const content = data.contents[data.table[row]?.[column] ?? -1] ?? [];
  find('details-title', HTMLElement).textContent = `${from.name} → ${to.name}`;
  const lines = content.map(([flow, ...reasons]) => {
    const verdict = data.flows[flow]?.verdict ?? 'Unknown';
    return element(
      'tr',
      {},
      element('th', { scope: 'row', class: verdict }, verdict),
      element('td', {}, portsText(data, flow)),
      element('td', {}, reasonList(data, reasons)),
    );
  });
  const heads = ['Verdict', 'Ports', 'Why'].map((text) => element('th', { scope: 'col' }, text));
  const table = element(
    'table',
    { class: 'list' },
    element('thead', {}, element('tr', {}, ...heads)),
    element('tbody', {}, ...lines),
  );
  find('details-body', HTMLElement).replaceChildren(
    lines.length > 0 ? table : element('p', {}, 'No packet goes from one to the other through this cluster.'),
    membersOf('From', from),
    membersOf('To', to),
  );
  find('details', HTMLDialogElement).showModal();
}

function membersOf(title: string, { members }: PageParty): HTMLDetailsElement {
  const count = members.length === 1 ? '1 member' : `${String(members.length)} members`;
  const summary = element('summary', {}, `${title}: ${count}`);
  return element('details', members.length <= 20 ? { open: '' } : {}, summary, list(members));
}
