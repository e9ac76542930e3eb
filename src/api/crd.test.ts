import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { load } from 'js-yaml';
import { customResourceDefinition } from './crd.ts';

test('crds/ holds what the schema says: if not, run node hack/generate.ts', () => {
  const file = new URL('../../crds/clusterfirewall.io_clusterfirewalls.yaml', import.meta.url);
  expect(load(readFileSync(file, 'utf8'))).toEqual(customResourceDefinition());
});
