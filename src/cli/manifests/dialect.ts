/**
 * YAML as kubectl reads it (sigs.k8s.io/yaml over go-yaml v2), so the API server would get the same values.
 * `yes` and `on` are booleans, `0443` is octal, `<<` merges. There is one difference: a mapping may not
 * contain a key twice.
 */
import { CORE_SCHEMA, NOT_RESOLVED, boolYaml11Tag, defineScalarTag, mergeTag } from 'js-yaml';

const INTEGER = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|([1-9][0-9]*|0))$/;

const parsed = (digits: string | undefined, radix: number): number | undefined =>
  digits === undefined ? undefined : parseInt(digits, radix);

/** go-yaml's resolve.go: strconv.ParseInt with base 0 after dropping underscores. */
const goInteger = defineScalarTag<number>('tag:yaml.org,2002:int', {
  implicit: true,
  implicitFirstChars: ['-', '+', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  identify: () => false,
  resolve: (source) => {
    const match = INTEGER.exec(source.replaceAll('_', ''));
    if (match === null) return NOT_RESOLVED;
    const [, sign, hexadecimal, binary, octal, decimal = ''] = match;
    const value = parsed(hexadecimal, 16) ?? parsed(binary, 2) ?? parsed(octal, 8) ?? Number(decimal);
    return sign === '-' ? 0 - value : value;
  },
});

export const KUBECTL_YAML = CORE_SCHEMA.withTags(boolYaml11Tag, goInteger, mergeTag);
