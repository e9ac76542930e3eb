/** The script of a report: reads the data in the page, and shows what the filter leaves. */
import { DATA_ID, type PageData } from './data.ts';
import { showDetails } from './details.ts';
import { unpacked, type PackedData } from './differences.ts';
import { element, find } from './dom.ts';
import { showFlows } from './flow-list.ts';
import { showMatrix } from './matrix.ts';
import { viewOf } from './view.ts';

/** The data are compressed, so that a table of 500 by 500 is small. */
async function load(): Promise<PageData> {
  const text = find(DATA_ID, HTMLElement).textContent;
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return unpacked((await new Response(stream).json()) as PackedData);
}

function showHead({ about, gaps }: PageData): void {
  const lines = about.flatMap(([term, text]) => [element('dt', {}, term), element('dd', {}, text)]);
  find('about', HTMLElement).replaceChildren(...lines);
  const list = find('gaps', HTMLElement);
  list.replaceChildren(...gaps.map((gap) => element('li', {}, gap)));
  list.hidden = gaps.length === 0;
}

/** @param most lines of each list */
function show(data: PageData, most?: number): void {
  const input = (id: string): HTMLInputElement => find(id, HTMLInputElement);
  const view = viewOf(data, {
    from: input('from').value,
    to: input('to').value,
    port: input('port').value,
    openOnly: input('open').checked,
  });
  const { rows, columns, open } = view;
  const outside = rows.filter((row) => data.sources[row]?.kind === 'outside');
  find('count', HTMLElement).textContent =
    `${String(rows.length)} of ${String(data.sources.length)} sources, ${String(columns.length)} of ${String(data.destinations.length)} destinations, ${String(open)} open pairs`;
  showFlows(find('world', HTMLElement), data, view, outside, most);
  showMatrix(data, view, (row, column) => {
    showDetails(data, row, column);
  });
  showFlows(find('flows', HTMLElement), data, view, rows, most);
}

async function main(): Promise<void> {
  const data = await load();
  showHead(data);
  show(data);
  find('filter', HTMLFormElement).addEventListener('input', () => {
    show(data);
  });
  find('filter', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
  });
  window.addEventListener('beforeprint', () => {
    show(data, Infinity);
  });
}

void main();
