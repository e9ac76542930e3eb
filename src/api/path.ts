/** Field paths in readable form: `spec.namespaces[0].ingress[2].from[1].peer`. */

export type Path = readonly (string | number)[];

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const SEGMENT = /\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\.?([^.[\]]+)/y;

/** Keys that are no plain words (labels) are quoted: `matchLabels["app.kubernetes.io/name"]`. */
export function formatPath(path: Path): string {
  let text = '';
  for (const segment of path) {
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
