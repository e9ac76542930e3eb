import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { dump } from 'js-yaml';
import { parsePath } from '../../api/path.ts';
import { YamlSyntaxError, parseYaml } from './yaml.ts';

const SOURCE = `# a comment
spec:
  base: &base
    - one
    - two
  peers:
  - name: a
    cidrs: [10.0.0.0/8,
      192.0.2.0/24]
  - { name: b,
      pods: {} }
  again: *base
  text: |
    line

  empty:
---
# nothing
---
{"json": [1,
  {"key": 2}]}
`;

describe('parseYaml', () => {
  const [first, nothing, json] = parseYaml(SOURCE);

  test.each([
    ['', 2],
    ['spec', 2],
    ['spec.base', 3],
    ['spec.base[1]', 5],
    ['spec.peers', 6],
    ['spec.peers[0]', 7],
    ['spec.peers[0].cidrs[1]', 9],
    ['spec.peers[1].pods', 11],
    ['spec.again', 12],
    ['spec.again[1]', 5],
    ['spec.text', 13],
    ['spec.empty', 16],
    // A missing part has the line of its nearest existing parent.
    ['spec.peers[1].cidrs', 10],
    ['spec.peers[7]', 6],
    ['spec.mode', 2],
    ['metadata.name', 2],
  ])('%s is on line %i', (path, line) => {
    expect(first?.lineOf(parsePath(path))).toBe(line);
  });

  test('documents are separated, empty ones too, and JSON is read as well', () => {
    expect(nothing?.value).toBeNull();
    expect(json?.value).toEqual({ json: [1, { key: 2 }] });
    expect(json?.lineOf(['json', 1, 'key'])).toBe(21);
  });

  test.each([
    ['a: 1\nb: 2\na: 3\n', 3, 'duplicated mapping key'],
    ['a: 1\n\tb: 2\n', 2, 'is not valid YAML'],
    ['a:\n  - [1, 2\n', 3, 'is not valid YAML'],
    ['a: *nowhere\n', 1, 'unidentified alias "nowhere"'],
    ['a: !unknown b\n', 1, 'unknown scalar tag'],
  ])('%j is refused with its line', (source, line, message) => {
    const parse = () => parseYaml(source);
    expect(parse).toThrow(YamlSyntaxError);
    expect(parse).toThrow(expect.objectContaining({ line, message: expect.stringContaining(message) }));
  });

  test('every path of every document has a line within the text', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(fc.oneof(fc.nat(3), fc.string())), (value, path) => {
        const source = dump({ root: value });
        const line = parseYaml(source)[0]?.lineOf(['root', ...path]) ?? 0;
        expect(line).toBeGreaterThanOrEqual(1);
        expect(line).toBeLessThanOrEqual(source.split('\n').length);
      }),
    );
  });
});

describe('values are the same as in kubectl', () => {
  // Seen with kubectl 1.35: label --local -o json.
  test.each([
    ['yes', true],
    ['y', true],
    ['Off', false],
    ['010', 8],
    ['0443', 291],
    ['0o10', 8],
    ['0x1F', 31],
    ['0b11', 3],
    ['1_000', 1000],
    ['08', 8],
    ['+12', 12],
    ['-12', -12],
    ['1e3', 1000],
    ['80:44', '80:44'],
    ['2024-01-01', '2024-01-01'],
    ['~', null],
    ['!!str 12', '12'],
    ['"yes"', 'yes'],
  ])('%s', (text, value) => {
    expect(parseYaml(`key: ${text}\n`)[0]?.value).toEqual({ key: value });
  });

  test('<< merges', () => {
    const source = 'base: &b { x: 1 }\nmerged: { <<: *b, z: 2 }\n';
    expect(parseYaml(source)[0]?.value).toMatchObject({ merged: { x: 1, z: 2 } });
  });
});
