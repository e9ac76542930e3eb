/** Who imports whom, types included. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/** The files that each file imports, all relative to `root`. Packages are left out. */
export type Imports = ReadonlyMap<string, readonly string[]>;

export function readImports(root: string, files: readonly string[]): Imports {
  return new Map(files.map((file) => [file, importsOf(file, readFileSync(path.join(root, file), 'utf8'))]));
}

export function importsOf(file: string, text: string): readonly string[] {
  const { importedFiles } = ts.preProcessFile(text);
  const relative = importedFiles.map(({ fileName }) => fileName).filter((name) => name.startsWith('.'));
  return [...new Set(relative.map((name) => path.normalize(path.join(path.dirname(file), name))))];
}

/**
 * Every group of files that import one another, directly or through others: Tarjan's strongly connected
 * components.
 */
export function circles(imports: Imports): readonly (readonly string[])[] {
  const found: (readonly string[])[] = [];
  const numbers = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const visit = (file: string): number => {
    const number = numbers.size;
    numbers.set(file, number);
    lowest.set(file, number);
    open.push(file);
    for (const target of imports.get(file) ?? []) {
      const seen = numbers.get(target);
      const low = seen === undefined ? visit(target) : open.includes(target) ? seen : Infinity;
      lowest.set(file, Math.min(lowest.get(file) ?? number, low));
    }
    const low = lowest.get(file) ?? number;
    if (low === number) {
      const group = open.splice(open.indexOf(file));
      if (group.length > 1 || imports.get(file)?.includes(file) === true) found.push(group.sort());
    }
    return low;
  };
  for (const file of imports.keys()) if (!numbers.has(file)) visit(file);
  return found;
}
