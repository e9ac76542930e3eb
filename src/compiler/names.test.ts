import { expect, test } from '@jest/globals';
import { endpointName, isOurName, objectName, ruleId } from './names.ts';

test('names are readable, ours, and different where ids or variants are', () => {
  const web = ruleId('default/blog/ingress/web');
  const names = [
    objectName('default', web),
    objectName('default', web, 'from-peer'),
    objectName('default', ruleId('default/blog/ingress/Web')),
    objectName('clusterfirewall', web),
    endpointName(web),
  ];
  expect(names).toEqual([
    expect.stringMatching(/^cfw-default-blog-ingress-web-[0-9a-z]{6}$/),
    expect.stringMatching(/^cfw-default-blog-ingress-web-from-peer-[0-9a-z]{6}$/),
    expect.stringMatching(/^cfw-default-blog-ingress-web-[0-9a-z]{6}$/),
    expect.stringMatching(/^clusterfirewall\.cfw-default-blog-ingress-web-[0-9a-z]{6}$/),
    expect.stringMatching(/^0-cfw-default-blog-ingress-web-[0-9a-z]{6}$/),
  ]);
  expect(new Set(names).size).toBe(names.length);
  expect(names.every(isOurName)).toBe(true);
});

test('long names are cut at the limit, and still differ', () => {
  const long = (end: string): string =>
    objectName('clusterfirewall', ruleId('default', 'x'.repeat(300), end));
  expect([long('a'), long('b')].map((name) => name.length)).toEqual([253, 253]);
  expect(long('a')).toMatch(/-[0-9a-z]{12}$/);
  expect(long('a')).not.toBe(long('b'));
});

test.each(['web', 'my-cfw-web', 'my.web', '0-web', '1-cfw-web'])('%s is not ours', (name) => {
  expect(isOurName(name)).toBe(false);
});
