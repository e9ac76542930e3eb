/** The output of `firewall-cmd --list-all-zones` and `--list-all`. */
import { ImportError, placeOf, type SourceLine } from '../result.ts';
import { parseRich } from './rich.ts';
import { type Draft, draft, REASONS, type Zone } from './zone.ts';

export const isList = (text: string): boolean => /^ {2}target: /m.test(text);

/** @throws ImportError for a line that firewall-cmd does not print, and for a zone that ends early */
export function readList(lines: readonly SourceLine[]): readonly Zone[] {
  const zones: Draft[] = [];
  let key = '';
  let seen = new Set<string>();
  const end = (): void => {
    const zone = zones.at(-1);
    if (zone !== undefined && !seen.has('rich rules'))
      throw new ImportError(
        `the zone ${zone.name} at ${placeOf(zone.line)} ends before its rich rules, so a part is missing. Give the whole output`,
      );
    seen = new Set();
  };
  for (const line of lines) {
    if (line.text.trim() === '') continue;
    const heading = /^([A-Za-z0-9_-]+)(?: \(([a-z, ]+)\))?\s*$/.exec(line.text);
    const setting = /^ {2}([a-z-]+(?: [a-z]+)?): ?(.*)$/.exec(line.text);
    const zone = zones.at(-1);
    if (heading !== null) {
      end();
      const isDefault = heading[2]?.includes('default') === true;
      zones.push(draft(heading[1] ?? '', line, isDefault));
    } else if (zone !== undefined && setting !== null) {
      [, key = ''] = setting;
      seen.add(key);
      take(zone, key, setting[2] ?? '', line);
    } else if (zone !== undefined && /^\s/.test(line.text) && seen.size > 0) {
      take(zone, key, line.text.trim(), line);
    } else {
      throw new ImportError(
        `${placeOf(line)} is no line of firewall-cmd --list-all-zones: "${line.text.trim()}"`,
      );
    }
  }
  end();
  return zones;
}

function take(zone: Draft, key: string, text: string, line: SourceLine): void {
  const items = text
    .split(' ')
    .filter((value) => value !== '')
    .map((value) => ({ value, line }));
  switch (key) {
    case 'target':
      zone.target = { value: text.trim(), line };
      return;
    case 'interfaces':
    case 'sources':
    case 'services':
    case 'ports':
    case 'protocols':
      zone[key].push(...items);
      return;
    case 'rich rules':
      if (text.trim() !== '') zone.rich.push(parseRich(text, line));
      return;
    case 'masquerade':
    case 'icmp-block-inversion':
      if (text.trim() === 'yes') zone.others.push({ value: REASONS[key] ?? '', line });
      return;
    case 'forward-ports':
    case 'source-ports':
    case 'icmp-blocks':
      if (text.trim() !== '') zone.others.push({ value: REASONS[key.slice(0, -1)] ?? '', line });
      return;
    case 'forward':
    case 'ingress-priority':
    case 'egress-priority':
    case 'summary':
    case 'description':
      return;
    default:
      throw new ImportError(
        `${placeOf(line)}: the setting ${key} is not known. Leave it out if it restricts nothing`,
      );
  }
}
