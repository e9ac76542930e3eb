/** Zones of firewalld → spec.nodes, in the words of iptables, in which firewalld itself says them. */
import { type Family, type Known, ofCidr } from '../addresses.ts';
import { readNetwork } from '../iptables/networks.ts';
import type { Chain, Rule, Table } from '../iptables/read.ts';
import { isSetDump, readSets } from '../iptables/sets.ts';
import { importTables } from '../iptables/tables.ts';
import { Notes } from '../notes.ts';
import { ImportError, type Imported, placeOf } from '../result.ts';
import { overlap } from '../spans.ts';
import { linesOf, type SourceFile } from '../text.ts';
import { isList, readList } from './list.ts';
import { SERVICES, TO_MANY } from './services.ts';
import { isServiceXML, isXML, readServiceXML, readZoneXML } from './xml.ts';
import type { Item, RichRule, Zone } from './zone.ts';

type Services = ReadonlyMap<string, readonly string[]>;

/** @throws ImportError where the files are not understood as a whole */
export function importFirewalld(files: readonly SourceFile[], known: Known): Imported {
  const sets = readSets(files.filter(isSetDump));
  const others = files.filter((file) => !isSetDump(file));
  const services = new Map([...SERVICES, ...others.filter(isServiceXML).map(readServiceXML)]);
  const zones = others.filter((file) => !isServiceXML(file)).flatMap(zonesOf);
  const fallback = defaultOf(zones, known.defaultZone);
  refuseOverlaps(zones);
  const notes = new Notes();
  for (const zone of zones) noteSettings(zone, zone === fallback, notes);
  const asked = zones.filter((zone) => zone === fallback || isActive(zone));
  const tables = ([4, 6] as const).map((family) => tableOf(family, asked, fallback, services));
  return importTables(tables, { known, sets, notes }, () => undefined);
}

function zonesOf(file: SourceFile): readonly Zone[] {
  const lines = linesOf(file);
  if (isList(file.text)) return readList(lines);
  if (isXML(file)) return [readZoneXML(file)];
  throw new ImportError(
    `${file.name} is neither the output of firewall-cmd --list-all-zones in English (LC_ALL=C) nor a zone as XML from /etc/firewalld/zones`,
  );
}

function defaultOf(zones: readonly Zone[], named: string | undefined): Zone {
  const found = zones.filter(({ isDefault, name }) => (named === undefined ? isDefault : name === named));
  const [zone] = found;
  if (zone !== undefined && found.length === 1) return zone;
  if (found.length > 1)
    throw new ImportError(`the zone ${zone?.name ?? ''} is there twice: give each zone once`);
  const names = zones.map(({ name }) => name).join(', ');
  throw new ImportError(
    named === undefined
      ? `the files do not say which zone is the default one (${names}): it decides about everybody else. Say --default-zone, with the answer of firewall-cmd --get-default-zone`
      : `there is no zone ${named} in the files: they have ${names}`,
  );
}

const isActive = ({ interfaces, sources }: Zone): boolean => interfaces.length + sources.length > 0;

const MAC = /^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/i;

/** The order of zones that share a source depends on the version. */
function refuseOverlaps(zones: readonly Zone[]): void {
  const ranges = zones.flatMap((zone) =>
    zone.sources
      .filter(({ value }) => !MAC.test(value) && !value.startsWith('ipset:'))
      .map(({ value, line }) => ({ zone, line, spans: ofCidr(readNetwork(value)) })),
  );
  for (const [index, a] of ranges.entries())
    for (const b of ranges.slice(index + 1))
      if (a.zone !== b.zone && overlap(a.spans, b.spans))
        throw new ImportError(
          `the sources of the zones ${a.zone.name} (${placeOf(a.line)}) and ${b.zone.name} (${placeOf(b.line)}) share addresses, and the version of firewalld decides which zone is asked. Leave one out`,
        );
}

function noteSettings(zone: Zone, isFallback: boolean, notes: Notes): void {
  if (!isFallback && !isActive(zone)) {
    const lines = [zone.services, zone.ports, zone.protocols, zone.rich, zone.others]
      .flat()
      .map(({ line }) => line);
    for (const line of lines)
      notes.add(
        'idle',
        line,
        `the zone ${zone.name} has no interface and no source, so firewalld never asks it`,
      );
    return;
  }
  for (const { value, line } of zone.others) notes.add('left', line, value);
}

/** Sources come before interfaces, and the default zone decides about all others. */
function tableOf(family: Family, zones: readonly Zone[], fallback: Zone, services: Services): Table {
  const sorted = [...zones].sort((a, b) => (a.name < b.name ? -1 : 1));
  const to = (zone: Zone): string => `zone ${zone.name}`;
  const input: Rule[] = [
    ...sorted.flatMap((zone) => zone.sources.flatMap((each) => dispatch(family, each, to(zone)))),
    ...sorted.flatMap((zone) =>
      zone === fallback
        ? []
        : zone.interfaces.map(({ value, line }) => ({ line, words: ['-i', value, '-g', to(zone)] })),
    ),
    { line: fallback.line, words: ['-g', to(fallback)] },
  ];
  const chain = (zone: Zone, rules: readonly Rule[]): Chain => ({
    line: zone.line,
    policy: 'DROP',
    rules: [...rules],
  });
  const chains = new Map<string, Chain>([
    ['INPUT', chain(fallback, [{ line: fallback.line, words: ['-i', 'lo', '-j', 'ACCEPT'] }, ...input])],
    ...zones.map((zone) => [to(zone), chain(zone, rulesOf(zone, family, services))] as const),
  ]);
  return { name: 'filter', family, chains };
}

function dispatch(family: Family, { value, line }: Item, target: string): readonly Rule[] {
  if (value.startsWith('ipset:'))
    return [{ line, words: ['--match-set', value.slice(6), 'src', '-g', target] }];
  if (MAC.test(value)) return [{ line, words: ['--mac-source', value, '-g', target] }];
  return isOf(family, value) ? [{ line, words: ['-s', value, '-g', target] }] : [];
}

const isOf = (family: Family, address: string): boolean => address.includes(':') === (family === 6);

/** Rich rules that deny come before those that allow, of the same priority. */
function rulesOf(zone: Zone, family: Family, services: Services): readonly Rule[] {
  const denies = ({ action }: RichRule): number => (action === 'accept' ? 1 : 0);
  const rich = [...zone.rich].sort((a, b) => a.priority - b.priority || denies(a) - denies(b));
  const early = rich.filter(
    ({ priority, action }) => priority < 0 || (priority === 0 && action !== 'accept'),
  );
  const late = rich.filter(({ priority }) => priority > 0);
  const middle = rich.filter((rule) => !early.includes(rule) && !late.includes(rule));
  const of = (rules: readonly RichRule[]): readonly Rule[] =>
    rules.flatMap((rule) => richRules(rule, family, services));
  const open = (item: Item, element: string): readonly Rule[] =>
    elementWords(element, family, services).map((words) => ({
      line: item.line,
      words: [...words, '-j', 'ACCEPT'],
    }));
  return [
    ...of(early),
    ...of(middle),
    ...zone.services.flatMap((item) => open(item, `service ${item.value}`)),
    ...zone.ports.flatMap((item) => open(item, `port ${item.value}`)),
    ...zone.protocols.flatMap((item) => open(item, `protocol ${item.value}`)),
    ...of(late),
    ...targetRules(zone.target, family),
  ];
}

const TARGETS: ReadonlyMap<string, string> = new Map([
  ['default', 'REJECT'],
  ['%%REJECT%%', 'REJECT'],
  ['REJECT', 'REJECT'],
  ['DROP', 'DROP'],
  ['ACCEPT', 'ACCEPT'],
]);

function targetRules({ value, line }: Item, family: Family): readonly Rule[] {
  const target = TARGETS.get(value);
  if (target === undefined) throw new ImportError(`${placeOf(line)}: the target ${value} is not known`);
  const icmp = { line, words: ['-p', family === 4 ? 'icmp' : 'ipv6-icmp', '-j', 'ACCEPT'] };
  return [...(value === 'default' ? [icmp] : []), { line, words: ['-j', target] }];
}

function richRules(rule: RichRule, family: Family, services: Services): readonly Rule[] {
  const { line, ends, element, action, unknown, logs } = rule;
  if (rule.family !== undefined && rule.family !== `ipv${String(family)}`) return [];
  if (ends.some((word, index) => ['-s', '-d'].includes(ends[index - 1] ?? '') && !isOf(family, word)))
    return [];
  const log = { line, words: [...ends, '-j', 'LOG'] };
  if (action === undefined && unknown.length === 0) return logs ? [log] : [];
  const criteria = unknown.flatMap((word) => ['-m', word === 'limit' ? 'limit' : `rich rule: ${word}`]);
  const target = [
    '-j',
    action === undefined ? 'RETURN' : action === 'accept' ? 'ACCEPT' : action.toUpperCase(),
  ];
  const elements = element === undefined ? [[]] : elementWords(element, family, services);
  return [
    ...(logs ? [log] : []),
    ...elements.map((words) => ({ line, words: [...ends, ...words, ...criteria, ...target] })),
  ];
}

/** Words for `service NAME`, `port 80/tcp`, `protocol NAME`. A name that is not known becomes a criterion that is not. */
function elementWords(element: string, family: Family, services: Services): readonly (readonly string[])[] {
  const [kind = '', value = ''] = element.split(' ');
  if (kind === 'protocol') return [['-p', value]];
  if (kind === 'port') return [portWords(value)];
  const toMany = TO_MANY.get(value);
  if (toMany !== undefined) return [toMany[family]];
  const ports = services.get(value);
  if (ports !== undefined) return ports.map(portWords);
  return [
    [
      '-m',
      `service ${value}, whose ports are not known: give its file from /usr/lib/firewalld/services as well`,
    ],
  ];
}

function portWords(text: string): readonly string[] {
  const [ports = '', protocol = ''] = text.split('/');
  return ports === '' ? ['-p', protocol] : ['-p', protocol, '--dport', ports.replace('-', ':')];
}
