import { wrapped } from './questions/wrap.ts';

const WIDTH = 80;
const EXAMPLE = /^ *\$ /;

/** The text with its long lines continued at the same indent. An example stays one line, so that it can be copied. */
export const folded = (text: string): string =>
  text
    .split('\n')
    .map((line) => {
      if (line.length <= WIDTH || EXAMPLE.test(line)) return line;
      const indent = line.search(/\S/);
      return wrapped('', line.trim(), indent).trimEnd();
    })
    .join('\n');
