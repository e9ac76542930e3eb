/**
 * Tables of numbers as differences. Neighbours differ in the same way all over a table, and what repeats is small
 * once it is compressed.
 */
import type { PageContent, PageData } from './data.ts';

/** Data whose `contents` and `table` are differences. */
export interface PackedData {
  readonly packed: PageData;
}

export const packed = (data: PageData): PackedData => ({
  packed: {
    ...data,
    contents: data.contents.map((content, index) => combined(content, data.contents[index - 1], -1)),
    table: data.table.map((row) => row.map((number, column) => number - (row[column - 1] ?? 0))),
  },
});

export function unpacked({ packed: data }: PackedData): PageData {
  const contents: PageContent[] = [];
  for (const content of data.contents) contents.push(combined(content, contents.at(-1), 1));
  const table = data.table.map((row) => {
    let before = 0;
    return row.map((difference) => (before += difference));
  });
  return { ...data, contents, table };
}

/** Each number with the one at the same place of the content before it. */
const combined = (content: PageContent, before: PageContent | undefined, sign: 1 | -1): PageContent =>
  content.map(([flow, ...reasons], line) => {
    const [flowBefore = 0, ...reasonsBefore] = before?.[line] ?? [];
    return [
      flow + sign * flowBefore,
      ...reasons.map((reason, index) => reason + sign * (reasonsBefore[index] ?? 0)),
    ];
  });
