/** The objects of config/, without kustomize. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { load, loadAll } from 'js-yaml';

const ROOT = path.resolve(import.meta.dirname, '..');

export interface Manifest {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

interface Kustomization {
  readonly resources: readonly string[];
}

/**
 * Reads the objects that `kubectl apply -k` would apply, without patches and components.
 * @param place a file, or a folder with a kustomization, from the root of the repository
 * @param check is called with each folder and its kustomization
 */
export function readManifests(
  place: string,
  check: (folder: string, kustomization: Kustomization) => void = () => undefined,
): readonly Manifest[] {
  const file = path.join(ROOT, place);
  if (!statSync(file).isDirectory()) return loadAll(readFileSync(file, 'utf8')) as readonly Manifest[];
  const kustomization = load(readFileSync(path.join(file, 'kustomization.yaml'), 'utf8')) as Kustomization;
  check(place, kustomization);
  return kustomization.resources.flatMap((each) => readManifests(path.join(place, each), check));
}

/**
 * Reads all that `kubectl apply -k` would apply.
 * @throws for a kustomization that does more than name resources, and for a file of its folder that it leaves
 * out
 */
export const readWhole = (place: string): readonly Manifest[] => readManifests(place, isWhole);

const KNOWN = ['apiVersion', 'kind', 'resources'];

function isWhole(folder: string, kustomization: Kustomization): void {
  const more = Object.keys(kustomization).filter((field) => !KNOWN.includes(field));
  if (more.length > 0) throw new Error(`${folder}: only kustomize does ${more.join(', ')}`);
  const missing = readdirSync(path.join(ROOT, folder))
    .filter((each) => /\.yaml$/.test(each) && each !== 'kustomization.yaml')
    .filter((each) => !kustomization.resources.includes(each));
  if (missing.length > 0) throw new Error(`${folder}: ${missing.join(', ')} is not in its kustomization`);
}
