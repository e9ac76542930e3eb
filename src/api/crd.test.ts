import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { load } from 'js-yaml';
import { customResourceDefinition } from './crd.ts';

test('crds/ is generated from the schema: if not, run node hack/generate.ts', () => {
  const file = new URL('../../crds/clusterfirewall.io_clusterfirewalls.yaml', import.meta.url);
  expect(load(readFileSync(file, 'utf8'))).toEqual(customResourceDefinition());
});
