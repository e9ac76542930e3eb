import { describe, expect, test } from '@jest/globals';
import type { ClusterFirewall } from '../api/schema.ts';
import { knownOr, UNKNOWN } from '../inventory/known.ts';
import type { Inventory } from '../inventory/types.ts';
import { compile } from './compile.ts';
import { remembering } from './memo.ts';
import { firewall, inventory, web } from './testing/examples.ts';
import { namespace } from './testing/inventories.ts';
import type { Compile } from './types.ts';

/** The compiler, and how often it was asked. */
function counting() {
  let count = 0;
  const counted: Compile = (...input) => {
    count += 1;
    return compile(...input);
  };
  return { remembered: remembering(counted), asked: () => count };
}

const main = firewall({ namespaces: [web] });
const known = inventory(namespace('blog'));
const same = (value: Inventory): Inventory => ({
  ...value,
  namespaces: [...knownOr(value.namespaces, [])],
  nodes: [...knownOr(value.nodes, [])],
});

describe('a compiler that remembers its last answer', () => {
  test('is asked once for the same firewalls and the same inventory', () => {
    const { remembered, asked } = counting();
    const first = remembered([main], known);
    expect(remembered([main], same(known))).toBe(first);
    expect(first).toEqual(compile([main], known));
    expect(asked()).toBe(1);
  });

  test.each<[string, readonly ClusterFirewall[], Inventory]>([
    ['a changed spec', [firewall({ namespaces: [] })], known],
    ['another firewall', [main, firewall({ namespaces: [] }, 'team')], known],
    ['no firewall', [], known],
    ['a namespace more', [main], inventory(namespace('blog'), namespace('shop'))],
    ['a changed label', [main], inventory(namespace('blog', { role: 'edge' }))],
    ['a namespace less', [main], inventory()],
    ['namespaces that are not known', [main], { ...known, namespaces: UNKNOWN }],
    ['another namespace of the operator', [main], { ...known, operatorNamespace: 'blog' }],
    ['a pool', [main], { ...known, ipPools: ['10.244.0.0/16'] }],
  ])('answers for %s what the compiler answers', (_, firewalls, changed) => {
    const { remembered, asked } = counting();
    remembered([main], known);
    expect(remembered(firewalls, changed)).toEqual(compile(firewalls, changed));
    expect(asked()).toBe(2);
  });

  test('answers again what it did when a change is taken back', () => {
    const { remembered } = counting();
    const first = remembered([main], known);
    remembered([], known);
    expect(remembered([main], known)).toEqual(first);
  });
});
