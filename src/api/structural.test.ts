import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { NotStructuralError, structural } from './structural.ts';

const described = (schema: z.ZodType) => z.strictObject({ field: schema.meta({ description: 'x' }) });

describe('structural', () => {
  test('has the types, bounds, patterns and required fields of the zod schema', () => {
    const schema = z.strictObject({
      name: z
        .string()
        .min(1)
        .max(5)
        .regex(/^a\/b$/)
        .meta({ description: 'Its name.' }),
      size: z.int().min(1).max(9).meta({ description: 'Its size.' }).optional(),
      labels: z.record(z.string(), z.string().max(3)).meta({ description: 'Its labels.', maxProperties: 2 }),
    });
    expect(structural(schema, 'root')).toEqual({
      type: 'object',
      required: ['name', 'labels'],
      properties: {
        name: { description: 'Its name.', type: 'string', minLength: 1, maxLength: 5, pattern: '^a/b$' },
        size: { description: 'Its size.', type: 'integer', minimum: 1, maximum: 9 },
        labels: {
          description: 'Its labels.',
          maxProperties: 2,
          type: 'object',
          additionalProperties: { type: 'string', maxLength: 3 },
        },
      },
    });
  });

  test('metadata survives further checks and .optional()', () => {
    const schema = described(
      z
        .string()
        .max(3)
        .meta({ pattern: '^a' })
        .refine(() => true)
        .optional(),
    );
    expect(structural(schema, 'root')).toMatchObject({
      properties: { field: { description: 'x', pattern: '^a', maxLength: 3 } },
    });
    expect(structural(schema, 'root').required).toBeUndefined();
  });

  test('what is looked at before zod reads a value leaves no trace, and what must not be is copied', () => {
    const schema = described(
      z
        .preprocess((value) => value, z.record(z.string(), z.string().max(3)))
        .meta({ not: { required: ['a'] } })
        .optional(),
    );
    expect(structural(schema, 'root').properties).toEqual({
      field: {
        description: 'x',
        not: { required: ['a'] },
        type: 'object',
        additionalProperties: { type: 'string', maxLength: 3 },
      },
    });
  });

  const notStructural: Record<string, [z.ZodType, string]> = {
    'a union': [described(z.union([z.string().max(1), z.int()])), 'is a union'],
    'a boolean': [described(z.boolean()), 'zod type "boolean" is unknown'],
    'a literal': [described(z.literal('a')), 'is a literal other than true'],
    'a switch with two values': [described(z.literal([true, false])), 'is a literal other than true'],
    'a nullable': [described(z.string().max(1).nullable()), 'zod type "nullable" is unknown'],
    'a default': [described(z.string().max(1).default('a')), 'zod type "default" is unknown'],
    'an object with other keys': [z.looseObject({}), 'must be a strictObject'],
    'a plain object': [z.object({}), 'must be a strictObject'],
    'a number that is no integer': [described(z.number()), 'must be an int'],
    'an exclusive bound': [described(z.int().gt(1)), 'check "greater_than" is unknown'],
    'a string without end': [described(z.string()), 'has no maximum length'],
    'a list without end': [described(z.array(z.int())), 'has no maximum of items'],
    'a trimmed string': [described(z.string().max(1).trim()), 'check "overwrite" is unknown'],
    'a format': [described(z.string().max(1).startsWith('a')), 'check "string_format" is unknown'],
    'look-ahead': [
      described(
        z
          .string()
          .max(1)
          .regex(/^(?!a)/),
      ),
      'is not RE2',
    ],
    'a back-reference': [described(z.string().max(1).regex(/(a)\1/)), 'is not RE2'],
    'a case-insensitive pattern': [described(z.string().max(1).regex(/a/i)), 'has flags "i"'],
    'a pipe': [described(z.string().max(1).pipe(z.string().max(1))), 'is a pipe'],
    'look-ahead in what must not be': [
      described(
        z
          .string()
          .max(1)
          .meta({ not: { pattern: '(?=a)' } }),
      ),
      'is not RE2',
    ],
    'look-ahead in metadata': [described(z.string().max(1).meta({ pattern: '(?=a)' })), 'is not RE2'],
    'unknown metadata': [
      described(z.string().max(1).meta({ example: 'a' })),
      'metadata "example" is unknown',
    ],
    'no description': [z.strictObject({ field: z.string().max(1) }), 'has no description'],
  };
  test.each(Object.entries(notStructural))('refuses %s', (_, [schema, message]) => {
    const walk = () => structural(schema, 'root');
    expect(walk).toThrow(NotStructuralError);
    expect(walk).toThrow(message);
  });
});
