/**
 * An import of `firewall-cmd --list-all-zones` lets in what the zone of a source lets in, and never more. The order
 * within a zone is that of firewalld.richlanguage(5).
 */
import { describe, test } from '@jest/globals';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { FEWER } from '../../compiler/testing/runs.ts';
import { type PlainPacket, type PlainVerdict, SOURCES } from './testing/chains.ts';
import { expectEqual, KNOWN, specOf } from './testing/compare.ts';

interface Element {
  readonly protocol: 'tcp' | 'udp' | 'gre';
  /** Absent for a protocol without ports. */
  readonly ports?: readonly [number, number];
}

interface Rich {
  readonly side: -1 | 0 | 1;
  readonly source: string;
  readonly isNot: boolean;
  readonly element: Element | undefined;
  readonly action: 'accept' | 'drop' | 'reject';
  readonly isLimited: boolean;
}

interface PlainZone {
  readonly target: 'default' | 'DROP' | 'ACCEPT';
  readonly source: string | undefined;
  readonly hasSSH: boolean;
  readonly opened: readonly Element[];
  readonly rich: readonly Rich[];
}

const elements = fc.constantFrom<Element>(
  { protocol: 'tcp', ports: [80, 80] },
  { protocol: 'tcp', ports: [22, 443] },
  { protocol: 'udp', ports: [443, 65_535] },
  { protocol: 'gre' },
);
const addresses = fc.constantFrom<string>(...SOURCES[4], ...SOURCES[6]);
const rich: fc.Arbitrary<Rich> = fc.record({
  side: fc.constantFrom(-1, 0, 0, 1),
  source: addresses,
  isNot: fc.boolean(),
  element: fc.option(elements, { nil: undefined }),
  action: fc.constantFrom('accept', 'accept', 'drop', 'reject'),
  isLimited: fc.integer({ min: 0, max: 5 }).map((roll) => roll === 0),
});
const zoneWith = (source: string | undefined): fc.Arbitrary<PlainZone> =>
  fc.record({
    target: fc.constantFrom('default', 'default', 'DROP', 'ACCEPT'),
    source: fc.constant(source),
    hasSSH: fc.boolean(),
    opened: fc.array(elements, { maxLength: 2 }),
    rich: fc.array(rich, { maxLength: 3 }),
  });
/** The last one is the default zone. Sources of zones share no address. */
const zoneLists: fc.Arbitrary<readonly PlainZone[]> = fc
  .subarray(['198.51.100.0/24', '10.0.0.0/8', '2001:db8:1::/48', 'fd00:244::1:0/112'])
  .chain((sources) => fc.tuple(...[...sources, undefined].map(zoneWith)));

const elementText = ({ protocol, ports }: Element): string =>
  ports === undefined ? '' : `${ports[0] === ports[1] ? String(ports[0]) : ports.join('-')}/${protocol}`;

/** Rules with another priority than 0 have priorities of their own, in their order. */
function richText({ side, source, isNot, element, action, isLimited }: Rich, index: number): string {
  const priority = side === 0 ? '' : ` priority="${String(side < 0 ? index - 10 : index + 1)}"`;
  const what =
    element === undefined
      ? ''
      : element.ports === undefined
        ? ` protocol value="${element.protocol}"`
        : ` port port="${element.ports.join('-')}" protocol="${element.protocol}"`;
  const limit = isLimited ? ' limit value="5/m"' : '';
  return `\trule${priority} family="${familyOf(source)}" source${isNot ? ' NOT' : ''} address="${source}"${what} ${action}${limit}`;
}

const familyOf = (address: string): string => (address.includes(':') ? 'ipv6' : 'ipv4');

const textOf = (zones: readonly PlainZone[]): string =>
  zones
    .map((zone, index) =>
      [
        `z${String(index)} (${zone.source === undefined ? 'default, ' : ''}active)`,
        `  target: ${zone.target}`,
        '  icmp-block-inversion: no',
        '  interfaces: ',
        `  sources: ${zone.source ?? ''}`,
        `  services: ${zone.hasSSH ? 'ssh' : ''}`,
        `  ports: ${zone.opened
          .map(elementText)
          .filter((text) => text !== '')
          .join(' ')}`,
        `  protocols: ${zone.opened.some(({ protocol }) => protocol === 'gre') ? 'gre' : ''}`,
        '  masquerade: no',
        '  forward-ports: ',
        '  source-ports: ',
        '  icmp-blocks: ',
        '  rich rules: ',
        ...zone.rich.map(richText),
      ].join('\n'),
    )
    .join('\n\n');

const isIn = (packet: PlainPacket, source: string): boolean => {
  const [address, network] = [ipaddr.parse(packet.source), ipaddr.parseCIDR(source)];
  return address.kind() === network[0].kind() && address.match(network);
};

const isOf = (packet: PlainPacket, { protocol, ports }: Element): boolean =>
  packet.protocol === protocol &&
  (ports === undefined || (packet.port >= ports[0] && packet.port <= ports[1]));

function verdictsOf(zones: readonly PlainZone[], packet: PlainPacket): ReadonlySet<PlainVerdict> {
  const zone = zones.find(({ source }) => source !== undefined && isIn(packet, source)) ?? zones.at(-1);
  if (zone === undefined) return new Set();
  const of = (side: Rich['side'], isAllow?: boolean): readonly Rich[] =>
    zone.rich.filter(
      (rule) => rule.side === side && (isAllow === undefined || (rule.action === 'accept') === isAllow),
    );
  const verdicts = new Set<PlainVerdict>();
  /** True where one of the rules decides for sure. */
  const decide = (rules: readonly Rich[]): boolean =>
    rules.some(({ source, isNot, element, action, isLimited }) => {
      const isMatch =
        familyOf(source) === familyOf(packet.source) &&
        isIn(packet, source) !== isNot &&
        (element === undefined || isOf(packet, element));
      if (isMatch) verdicts.add(action === 'accept' ? 'ACCEPT' : 'DROP');
      return isMatch && !isLimited;
    });
  if (decide([...of(-1), ...of(0, false), ...of(0, true)])) return verdicts;
  const isOpen =
    zone.opened.some((element) => isOf(packet, element)) ||
    (zone.hasSSH && isOf(packet, { protocol: 'tcp', ports: [22, 22] }));
  if (isOpen) return verdicts.add('ACCEPT');
  if (decide(of(1))) return verdicts;
  return verdicts.add(zone.target === 'ACCEPT' ? 'ACCEPT' : 'DROP');
}

describe('zones of firewalld', () => {
  test('never become wider, and stay as wide where there are no limits', () => {
    fc.assert(
      fc.property(zoneLists, (zones) => {
        expectEqual({
          spec: specOf('firewalld', textOf(zones), KNOWN),
          families: [4, 6],
          verdictsOf: (packet) => verdictsOf(zones, packet),
          isExact: zones.every((zone) => zone.rich.every(({ isLimited }) => !isLimited)),
        });
      }),
      FEWER,
    );
  });
});
