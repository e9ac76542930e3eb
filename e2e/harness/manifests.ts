/** The manifests of config, as files: what `kubectl apply -k` would apply, without patches and components. */
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { load, loadAll } from 'js-yaml';

export interface Manifest {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

const CONFIG = path.resolve(import.meta.dirname, '../../config');

/** @param folder a folder of config that has a kustomization */
export const readManifests = (folder: string): readonly Manifest[] => read(path.join(CONFIG, folder));

function read(place: string): readonly Manifest[] {
  if (!statSync(place).isDirectory()) return loadAll(readFileSync(place, 'utf8')) as readonly Manifest[];
  const kustomization = load(readFileSync(path.join(place, 'kustomization.yaml'), 'utf8'));
  const { resources } = kustomization as { readonly resources: readonly string[] };
  return resources.flatMap((each) => read(path.join(place, each)));
}
