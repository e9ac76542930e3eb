import { expect, test } from '@jest/globals';
import type { Rule } from '../../calico/types.ts';
import { compiled, policies } from '../../compiler/testing/compiled-nodes.ts';
import { storedObject } from '../testing/objects.ts';
import { nodeShadows } from './node-shadows.ts';

const compilation = compiled({ blocked: [{ ipBlock: { cidr: '203.0.113.0/24' } }] });
const shadows = nodeShadows(compilation.objects.map((each) => storedObject(each)));
const shadowedRules = (name: string): readonly Rule[] => {
  const spec = shadows.get(name)?.object.spec;
  return spec !== undefined && 'ingress' in spec ? (spec.ingress ?? []) : [];
};

test('a shadow of a block says what the block says', () => {
  for (const { metadata, spec } of policies(compilation, 'default/nodes/blocked'))
    expect(shadowedRules(metadata.name)).toEqual(spec.ingress);
});

test('a shadow of a final policy denies what it denies, and leaves the rest to the new one', () => {
  for (const { metadata, spec } of policies(compilation, 'default/nodes/deny')) {
    expect(spec.ingress?.at(-1)?.action).toBe('Pass');
    expect(shadowedRules(metadata.name)).toEqual(spec.ingress?.slice(0, -1));
  }
});
