/** Field paths in readable form: `spec.namespaces[0].ingress[2].from[1].peer`. */
import { cut } from './cut.ts';

export type Path = readonly (string | number)[];

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const SEGMENT = /\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\.?([^.[\]]+)/y;

/** The longest label key. No key that is valid anywhere is longer. */
const MAX_SEGMENT = 317;

/**
 * Keys that are no plain words (labels) are quoted: `matchLabels["app.kubernetes.io/name"]`. A key that is
 * longer than any valid one is cut.
 */
export function formatPath(path: Path): string {
  let text = '';
  for (const whole of path) {
    const segment = typeof whole === 'number' ? whole : cut(whole, MAX_SEGMENT);
    if (typeof segment === 'number') text += `[${String(segment)}]`;
    else if (!PLAIN_KEY.test(segment)) text += `[${JSON.stringify(segment)}]`;
    else text += text === '' ? segment : `.${segment}`;
  }
  return text;
}

/**
 * The reverse of formatPath. The path ends at the first part that cannot be read, so the nearest position is
 * found.
 */
export function parsePath(text: string): Path {
  const path: (string | number)[] = [];
  SEGMENT.lastIndex = 0;
  for (let match = SEGMENT.exec(text); match !== null; match = SEGMENT.exec(text)) {
    const [, index, quoted, plain] = match;
    if (index !== undefined) path.push(Number(index));
    else if (quoted !== undefined) path.push(JSON.parse(`"${quoted}"`) as string);
    else if (plain !== undefined) path.push(plain);
  }
  return path;
}
