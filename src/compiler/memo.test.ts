import { expect, jest, test } from '@jest/globals';
import type { ClusterFirewall } from '../api/schema.ts';
import type { Compilation, Compile } from './types.ts';
import { remembering } from './memo.ts';

test('compiles again only when a firewall or a part of the inventory changed', () => {
  const compile = jest.fn<Compile>((): Compilation => ({
    objects: [],
    problems: [],
    held: [],
    summaries: [],
  }));
  const remembered = remembering(compile);
  const firewall: ClusterFirewall = { metadata: { name: 'default' }, spec: { mode: 'Enforce' } };
  const namespace = { name: 'shop', labels: {} };
  remembered([firewall], { namespaces: [namespace], nodes: [] });
  remembered([firewall], { namespaces: [namespace], nodes: [] });
  expect(compile).toHaveBeenCalledTimes(1);
  remembered([firewall], { namespaces: [{ ...namespace }], nodes: [] });
  expect(compile).toHaveBeenCalledTimes(2);
  remembered([firewall], { namespaces: [], nodes: [] });
  remembered([firewall], { nodes: [] });
  remembered([{ ...firewall }], { nodes: [] });
  expect(compile).toHaveBeenCalledTimes(5);
});
