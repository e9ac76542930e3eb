import { fileURLToPath } from 'node:url';

const PRIVATE = fileURLToPath(new URL('private.ts', import.meta.url));

/** A folder of this machine, and its place in a private /run. Neither has a colon in its path. */
export interface Binding {
  readonly folder: string;
  readonly place: string;
}

/** The arguments of Node.js that run a program with a /run and /var/lib of its own: see private.ts. */
export const inPrivate = (
  file: string,
  args: readonly string[] = [],
  bindings: readonly Binding[] = [],
): readonly string[] => [
  PRIVATE,
  ...bindings.map(({ folder, place }) => `${folder}:${place}`),
  '--',
  file,
  ...args,
];
