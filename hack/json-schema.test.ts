import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { loadAll } from 'js-yaml';
import { JSON_SCHEMA } from './json-schema.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const files = (folder: string): readonly string[] =>
  readdirSync(path.join(ROOT, folder))
    .filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')
    .map((file) => path.join(folder, file));

const schema = JSON.parse(readFileSync(path.join(ROOT, JSON_SCHEMA), 'utf8')) as object;
const isValid = new Ajv({ strict: true, strictRequired: false, allowUnionTypes: true }).compile(schema);

/** False for a file that is no YAML. */
function passes(file: string): boolean {
  try {
    return loadAll(readFileSync(path.join(ROOT, file), 'utf8')).every((each) => isValid(each));
  } catch {
    return false;
  }
}

describe('the JSON schema for editors', () => {
  test.each(files('config/samples'))('takes %s', (file) => {
    expect([passes(file), isValid.errors]).toEqual([true, null]);
  });

  test('refuses most bad manifests; the others are wrong only in what several fields say together', () => {
    const all = files('e2e/bad-manifests');
    const taken = all.filter(passes);
    expect(taken.length / all.length).toBeLessThan(1 / 3);
    const aboutOneField = /-(misspelt|unknown-field|word-(network|admin|calico|cilium|antrea))-/;
    expect(taken.filter((file) => aboutOneField.test(file))).toEqual([]);
    expect(taken.filter((file) => file.includes('proto'))).toEqual(
      taken.filter((file) => file.includes('zone-proto')),
    );
  });
});
