/** Files of zones and services (firewalld.zone(5), firewalld.service(5)): elements with attributes, and no text that matters. */
import { ImportError, placeOf, type SourceLine } from '../result.ts';
import { linesOf, type SourceFile } from '../text.ts';
import { parseRich } from './rich.ts';
import { draft, REASONS, type Zone } from './zone.ts';

interface Tag {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly kind: 'open' | 'close' | 'single';
  readonly line: SourceLine;
}

export const isXML = ({ text }: SourceFile): boolean => /^\s*(?:<\?xml|<zone\b|<service\b)/.test(text);
export const isServiceXML = (file: SourceFile): boolean =>
  isXML(file) &&
  /<service(?:\s[^>]*)?>\s*<(?:short|desc|port|protocol|include|dest|source|helper|module)/.test(file.text) &&
  !/<zone\b/.test(file.text);

const nameOf = ({ name }: SourceFile): string => name.replace(/^.*\//, '').replace(/\.xml$/, '');

/** @throws ImportError for an element that is not closed, and for an end that nothing began */
function tagsOf(file: SourceFile, root: string): readonly Tag[] {
  const lines = linesOf(file);
  const open: string[] = [];
  const plain = file.text.replaceAll(/<!--.*?-->|<\?.*?\?>/gs, (comment) =>
    comment.replaceAll(/[^\n]/g, ' '),
  );
  const tags = [
    ...plain.matchAll(/<(\/?)([A-Za-z-]+)((?:\s+[\w-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>/g),
  ].map((found): Tag => {
    const [, slash = '', name = '', text = '', single = ''] = found;
    const line = lines[plain.slice(0, found.index).split('\n').length - 1] ?? {
      file: file.name,
      line: 0,
      text: '',
    };
    if (slash !== '' && open.pop() !== name)
      throw new ImportError(`${placeOf(line)}: </${name}> closes an element that is not open`);
    if (slash === '' && single === '') open.push(name);
    const attributes = new Map(
      [...text.matchAll(/([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)].map(([, key = '', a, b]) => [
        key,
        a ?? b ?? '',
      ]),
    );
    return { name, attributes, kind: slash !== '' ? 'close' : single !== '' ? 'single' : 'open', line };
  });
  const isWhole = open.length === 0 && tags[0]?.name === root && plain.split('<').length - 1 === tags.length;
  if (!isWhole)
    throw new ImportError(
      `${file.name} is no whole file of a ${root}: an element is not closed, or is not understood`,
    );
  return tags;
}

export function readServiceXML(file: SourceFile): readonly [string, readonly string[]] {
  const ports = tagsOf(file, 'service').flatMap(({ name, attributes, kind, line }) => {
    if (kind === 'close' || ['service', 'short', 'description', 'helper', 'module'].includes(name)) return [];
    if (name === 'port') return [`${attributes.get('port') ?? ''}/${attributes.get('protocol') ?? ''}`];
    if (name === 'protocol') return [`/${attributes.get('value') ?? ''}`];
    throw new ImportError(
      `${placeOf(line)}: <${name}> of a service is not understood. Write its ports into the zone`,
    );
  });
  return [nameOf(file), ports];
}

export function readZoneXML(file: SourceFile): Zone {
  const tags = tagsOf(file, 'zone');
  const first = tags[0]?.line ?? { file: file.name, line: 1, text: '' };
  const zone = draft(nameOf(file), first, false);
  const target = tags[0]?.attributes.get('target');
  if (target !== undefined) zone.target = { value: target, line: first };
  let rule: { readonly words: string[]; readonly line: SourceLine } | undefined;
  for (const tag of tags.slice(1)) {
    if (tag.name === 'rule' && tag.kind === 'close' && rule !== undefined) {
      zone.rich.push(parseRich(rule.words.join(' '), rule.line));
      rule = undefined;
    } else if (tag.kind !== 'close' && (tag.name === 'rule' || rule !== undefined)) {
      rule ??= { words: [], line: tag.line };
      rule.words.push(...richWords(tag));
    } else if (tag.kind !== 'close') take(zone, tag);
  }
  return zone;
}

/** The words of the text form. */
const richWords = ({ name, attributes }: Tag): readonly string[] => [
  name,
  ...(/^(?:true|yes|1)$/i.test(attributes.get('invert') ?? '') ? ['NOT'] : []),
  ...[...attributes]
    .filter(([key]) => key !== 'invert')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}="${value}"`),
];

function take(zone: ReturnType<typeof draft>, { name, attributes, line }: Tag): void {
  const value = (key: string): string => attributes.get(key) ?? '';
  switch (name) {
    case 'interface':
      zone.interfaces.push({ value: value('name'), line });
      return;
    case 'source':
      zone.sources.push({
        value: attributes.has('ipset')
          ? `ipset:${value('ipset')}`
          : (attributes.get('address') ?? value('mac')),
        line,
      });
      return;
    case 'service':
      zone.services.push({ value: value('name'), line });
      return;
    case 'port':
      zone.ports.push({ value: `${value('port')}/${value('protocol')}`, line });
      return;
    case 'protocol':
      zone.protocols.push({ value: value('value'), line });
      return;
    case 'short':
    case 'description':
    case 'forward':
      return;
    default: {
      const why = REASONS[name];
      if (why === undefined)
        throw new ImportError(
          `${placeOf(line)}: <${name}> of a zone is not known. Leave it out if it restricts nothing`,
        );
      zone.others.push({ value: why, line });
    }
  }
}
