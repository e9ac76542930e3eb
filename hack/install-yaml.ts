/**
 * config/default in one file, dist/install.yaml, for people without a checkout.
 *   node hack/install-yaml.ts registry.example/clusterfirewall@sha256:…
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { installYaml } from './install-manifest.ts';

const [image] = process.argv.slice(2);
if (image === undefined || image === '') {
  console.error('name the image: make install-yaml IMAGE=registry.example/clusterfirewall@sha256:…');
  process.exit(2);
}
const folder = path.resolve(import.meta.dirname, '../dist');
mkdirSync(folder, { recursive: true });
writeFileSync(path.join(folder, 'install.yaml'), installYaml(image));
console.log('dist/install.yaml');
