/**
 * Label selectors are judged as Kubernetes judges them, wherever they are. A second implementation says how
 * that is.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { customResourceDefinition } from './crd.ts';
import type { StructuralSchema } from './structural.ts';
import { firewallWith, labelText, labels, SELECTOR_PLACES } from './testing/label-selectors.ts';
import { validateDocument } from './validate.ts';

const isLabelPart = (text: string): boolean =>
  text.length <= 63 && /^[A-Za-z0-9]$|^[A-Za-z0-9][-A-Za-z0-9_.]*[A-Za-z0-9]$/.test(text);
const isDnsLabel = (text: string): boolean => /^[a-z0-9]$|^[a-z0-9][-a-z0-9]*[a-z0-9]$/.test(text);

/** IsQualifiedName of apimachinery, pkg/util/validation. */
function isLabelKey(key: string): boolean {
  const [first = '', second, ...more] = key.split('/');
  if (more.length > 0) return false;
  if (second === undefined) return isLabelPart(first);
  return first.length <= 253 && first.split('.').every(isDnsLabel) && isLabelPart(second);
}
/** IsValidLabelValue of the same package. */
const isLabelValue = (value: string): boolean => value === '' || isLabelPart(value);

const place = fc.constantFrom(...SELECTOR_PLACES);

test('every place of the schema that has a label selector is tried', () => {
  const found: string[] = [];
  const visit = (schema: StructuralSchema, path: string): void => {
    if (schema.properties?.['matchLabels'] !== undefined) found.push(path);
    for (const [key, each] of Object.entries(schema.properties ?? {})) visit(each, `${path}.${key}`);
    if (schema.items !== undefined) visit(schema.items, `${path}[]`);
  };
  const spec = customResourceDefinition().spec.versions[0]?.schema.openAPIV3Schema.properties?.['spec'];
  if (spec !== undefined) visit(spec, 'spec');
  expect(SELECTOR_PLACES.map(([path]) => path).sort()).toEqual(found.sort());
});

describe('what validate says of a label is what Kubernetes says', () => {
  test('keys of matchLabels', () => {
    fc.assert(
      fc.property(place, labelText, ([, specWith], key) => {
        const document = firewallWith(specWith, { matchLabels: labels(key, 'x') });
        expect(validateDocument(document).ok).toBe(isLabelKey(key));
      }),
    );
  });

  test('keys of matchExpressions', () => {
    fc.assert(
      fc.property(place, labelText, ([, specWith], key) => {
        const document = firewallWith(specWith, { matchExpressions: [{ key, operator: 'Exists' }] });
        expect(validateDocument(document).ok).toBe(isLabelKey(key));
      }),
    );
  });

  test('values', () => {
    fc.assert(
      fc.property(place, labelText, ([, specWith], value) => {
        const expressions = { matchExpressions: [{ key: 'a', operator: 'In', values: [value] }] };
        for (const selector of [{ matchLabels: { a: value } }, expressions])
          expect(validateDocument(firewallWith(specWith, selector)).ok).toBe(isLabelValue(value));
      }),
    );
  });
});

test('no label of a valid selector is left out', () => {
  fc.assert(
    fc.property(place, fc.uniqueArray(labelText, { minLength: 1, maxLength: 4 }), ([, specWith], keys) => {
      const matchLabels: object = Object.fromEntries(keys.map((key) => [key, 'x']));
      const document = firewallWith(specWith, { matchLabels });
      const validated = validateDocument(document);
      if (validated.ok) expect(validated.firewall.spec).toEqual(document.spec);
      else expect(keys.every(isLabelKey)).toBe(false);
    }),
  );
});

test.each(SELECTOR_PLACES)('__proto__ at %s is named, and nothing else', (_, specWith) => {
  const document = firewallWith(specWith, { matchLabels: labels('__proto__', 'x') });
  const validated = validateDocument(document);
  expect(validated.ok ? [] : validated.issues).toEqual([
    {
      path: expect.arrayContaining(['matchLabels', '__proto__']),
      message: expect.stringMatching(/^is not a label key: up to 63 letters/),
    },
  ]);
});

test.each([
  ['a key', labels('a.'.repeat(2_500_000), 'x'), /too long for a label key/],
  ['a value', labels('a', 'a-'.repeat(2_500_000)), /at most 63 characters/],
])('%s of 5 MB is a clear problem, and is not repeated', (_, matchLabels, message) => {
  const [[, specWith] = [() => ({})]] = SELECTOR_PLACES as [string, () => object][];
  const validated = validateDocument(firewallWith(specWith as (selector: object) => object, { matchLabels }));
  expect(validated.ok ? [] : validated.issues).toMatchObject([{ message: expect.stringMatching(message) }]);
});
