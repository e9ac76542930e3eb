/** Rich rules as text (firewalld.richlanguage(5)). */
import type { SourceLine } from '../result.ts';
import type { RichRule } from './zone.ts';

/** Words that are not understood stay in `unknown`, so that nothing is opened by them. */
export function parseRich(text: string, line: SourceLine): RichRule {
  const words = [...text.matchAll(/([A-Za-z-]+)="([^"]*)"|(\S+)/g)].map(([, key, value, word]) =>
    word === undefined ? { key: key ?? '', value: value ?? '' } : { key: word, value: undefined },
  );
  const rule = { priority: 0, ends: [] as string[], unknown: [] as string[], logs: false };
  const found: { family?: string; element?: string; action?: NonNullable<RichRule['action']> } = {};
  let part = '';
  let isNot = false;
  let isOfLog = false;
  const element = (value: string): void => {
    found.element = found.element === undefined ? value : `${found.element} ${value}`;
  };
  for (const { key, value } of words) {
    if (value === undefined) {
      isNot = key.toUpperCase() === 'NOT' || key === 'invert';
      if (isNot) continue;
      if (key === 'accept' || key === 'drop' || key === 'reject') found.action = key;
      isOfLog = key === 'log' || key === 'nflog' || key === 'audit' || (isOfLog && key === 'limit');
      if (isOfLog) rule.logs = true;
      else if (key === 'limit' || key === 'mark' || !PARTS.has(key)) rule.unknown.push(key);
      part = key;
    } else if (key === 'family') found.family = value;
    else if (key === 'priority') rule.priority = Number(value);
    else if (part === 'source' || part === 'destination') {
      rule.ends.push(...(isNot ? ['!'] : []), ...endOf(part, key, value, rule.unknown));
    } else if (part === 'service' && key === 'name') element(`service ${value}`);
    else if (part === 'protocol' && key === 'value') element(`protocol ${value}`);
    else if (part === 'port' && key === 'port') element(`port ${value}`);
    else if (part === 'port' && key === 'protocol') found.element = `${found.element ?? ''}/${value}`;
    else if (!isOfLog && part !== 'reject' && part !== 'limit') rule.unknown.push(`${part} ${key}=${value}`);
  }
  return { line, ...rule, ...found };
}

const PARTS = new Set(
  'rule source destination service port protocol accept drop reject log nflog audit'.split(' '),
);

function endOf(
  part: 'source' | 'destination',
  key: string,
  value: string,
  unknown: string[],
): readonly string[] {
  if (key === 'address') return [part === 'source' ? '-s' : '-d', value];
  if (key === 'ipset')
    return ['--match-set', value.replace(/^ipset:/, ''), part === 'source' ? 'src' : 'dst'];
  if (key === 'mac') return ['--mac-source', value];
  unknown.push(`${part} ${key}=${value}`);
  return [];
}
