/** The objects of a folder of config/, without kustomize. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { load, loadAll } from 'js-yaml';

const ROOT = path.resolve(import.meta.dirname, '..');

export interface Document {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly [field: string]: unknown;
}

/**
 * @param place a file, or a folder with a kustomization, from the root of the repository
 * @throws for a kustomization that does more than name resources, and for a file of its folder that it leaves
 * out
 */
export function documents(place: string): readonly Document[] {
  const file = path.join(ROOT, place);
  if (!statSync(file).isDirectory()) return loadAll(readFileSync(file, 'utf8')) as readonly Document[];
  const kustomization = load(readFileSync(path.join(file, 'kustomization.yaml'), 'utf8')) as Kustomization;
  const more = Object.keys(kustomization).filter((field) => !KNOWN.includes(field));
  if (more.length > 0) throw new Error(`${place}: only kustomize does ${more.join(', ')}`);
  const { resources } = kustomization;
  const left = readdirSync(file).filter((each) => /\.yaml$/.test(each) && each !== 'kustomization.yaml');
  const missing = left.filter((each) => !resources.includes(each));
  if (missing.length > 0) throw new Error(`${place}: ${missing.join(', ')} is not in its kustomization`);
  return resources.flatMap((each) => documents(path.join(place, each)));
}

const KNOWN = ['apiVersion', 'kind', 'resources'];

interface Kustomization {
  readonly resources: readonly string[];
}
