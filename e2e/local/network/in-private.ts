import { fileURLToPath } from 'node:url';

const PRIVATE = fileURLToPath(new URL('private.ts', import.meta.url));

/** The arguments of Node.js that run a program with a /run and /var/lib of its own: see private.ts. */
export const inPrivate = (file: string, ...args: readonly string[]): readonly string[] => [
  PRIVATE,
  file,
  ...args,
];
