import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Port } from './ports.ts';
import { formatPort, groupPorts, otherPorts, parsePort, PORT_PATTERN, PortError } from './ports.ts';

const pattern = new RegExp(PORT_PATTERN);

const readable = (text: string): boolean => {
  try {
    parsePort(text);
    return true;
  } catch (error) {
    if (error instanceof PortError) return false;
    throw error;
  }
};

describe('reading a port', () => {
  test.each<[number | string, Port]>([
    [80, { kind: 'range', protocol: 'TCP', from: 80, to: 80 }],
    ['80', { kind: 'range', protocol: 'TCP', from: 80, to: 80 }],
    ['80/TCP', { kind: 'range', protocol: 'TCP', from: 80, to: 80 }],
    ['53/udp', { kind: 'range', protocol: 'UDP', from: 53, to: 53 }],
    ['1', { kind: 'range', protocol: 'TCP', from: 1, to: 1 }],
    [65535, { kind: 'range', protocol: 'TCP', from: 65535, to: 65535 }],
    ['30000-32767', { kind: 'range', protocol: 'TCP', from: 30000, to: 32767 }],
    ['30000-32767/SCTP', { kind: 'range', protocol: 'SCTP', from: 30000, to: 32767 }],
    ['80-80', { kind: 'range', protocol: 'TCP', from: 80, to: 80 }],
    ['http', { kind: 'named', protocol: 'TCP', name: 'http' }],
    ['dns-tcp/udp', { kind: 'named', protocol: 'UDP', name: 'dns-tcp' }],
    ['9p', { kind: 'named', protocol: 'TCP', name: '9p' }],
    ['1-2-a', { kind: 'named', protocol: 'TCP', name: '1-2-a' }],
    ['abcdefghijklmno', { kind: 'named', protocol: 'TCP', name: 'abcdefghijklmno' }],
    ['12345678901234a', { kind: 'named', protocol: 'TCP', name: '12345678901234a' }],
    ['All', { kind: 'all' }],
    ['ICMP', { kind: 'icmp' }],
  ])('%j', (written, port) => {
    expect(parsePort(written)).toEqual(port);
    expect(String(written)).toMatch(pattern);
  });

  test.each<[number | string, string]>([
    [0, '0 is not a port: ports are whole numbers from 1 to 65535'],
    ['0', '0 is not a port'],
    [65536, '65536 is not a port'],
    ['65536', '65536 is not a port'],
    ['1-65536', '1-65536 is not a port'],
    ['0-80', 'ports begin at 1: write 1-80'],
    [-1, '-1 is not a port'],
    [80.5, '80.5 is not a port'],
    [Number.NaN, 'NaN'],
    ['080', '080 has leading zeros: write 80'],
    ['32767-30000', '32767-30000 is a reversed range: write 30000-32767'],
    ['all', '"all" is not a port: did you mean All?'],
    ['ALL', 'did you mean All?'],
    ['icmp', '"icmp" is not a port: did you mean ICMP?'],
    ['Icmp', 'did you mean ICMP?'],
    ['all/udp', 'did you mean All?'],
    ['All/ESP', '"All/ESP" has an unknown protocol "ESP": write /TCP, /UDP or /SCTP, or nothing for TCP'],
    ['80/ICMP', 'unknown protocol "ICMP": write /TCP, /UDP or /SCTP'],
    ['80/Tcp', 'unknown protocol "Tcp"'],
    ['80/', 'unknown protocol ""'],
    ['80/TCP/UDP', 'unknown protocol "TCP/UDP"'],
    ['80:90', 'is not a port: write 80-90'],
    ['0-65535/UDP', 'write All/UDP; every port of every protocol is All'],
    ['80:90/UDP', 'write 80-90/UDP'],
    ['1024-', 'write 1024-65535'],
    ['>=1024', 'write the range, as 1024-65535'],
    ['tcp/80', 'write 80/TCP'],
    ['udp:53', 'write 53/UDP'],
    ['TCP', 'write All/TCP for every port of TCP'],
    ['any', 'every port of every protocol is All'],
    ['!22', 'ports are not negated here'],
    ['80,90', 'write one entry for each port'],
    ['HTTP', 'a name of lower-case letters'],
    ['a--b', 'single "-"'],
    ['-a', 'is not a port'],
    ['a-', 'is not a port'],
    ['80-', 'is not a port'],
    ['1-2-3', 'is not a port: write 80'],
    ['abcdefghijklmnop', 'a name has at most 15 characters'],
    ['80 ', 'is not a port'],
    ['80\n', 'is not a port'],
    ['', 'is not a port'],
  ])('%j is refused', (written, message) => {
    expect(() => parsePort(written)).toThrow(PortError);
    expect(() => parsePort(written)).toThrow(message);
    expect(pattern.test(String(written)) && !beyondPattern(String(written))).toBe(false);
  });
});

/** Texts that the pattern accepts and `parsePort` refuses. */
const beyondPattern = (text: string): boolean => {
  const what = text.replace(/\/.*$/, '');
  const range = /^([0-9]+)-([0-9]+)$/.exec(what);
  const reversed = range !== null && Number(range[1]) > Number(range[2]);
  return reversed || ['all', 'any', 'icmp'].includes(what) || what.includes('--');
};

const nearlyPorts = fc.oneof(
  fc.stringMatching(/^[0-9az/-]{0,18}$/),
  fc
    .tuple(fc.nat({ max: 70000 }), fc.nat({ max: 70000 }), fc.constantFrom('', '/TCP', '/udp', '/Tcp'))
    .map(([from, to, protocol]) => `${String(from)}-${String(to)}${protocol}`),
  fc
    .tuple(fc.stringMatching(/^[0-9a-z-]{1,17}$/), fc.constantFrom('', '/SCTP', '/sctp', '/'))
    .map(([name, protocol]) => name + protocol),
  fc.constantFrom(
    'All',
    'ICMP',
    'all',
    'icmp',
    'ALL',
    'All/TCP',
    'ICMP/UDP',
    ' 80',
    '80 ',
    '80\n',
    '80/TCP\n',
  ),
);

describe('the pattern', () => {
  test('accepts every number from 1 to 65535 and no other', () => {
    const taken = Array.from({ length: 100_001 }, (_, port) => port).filter((port) =>
      pattern.test(String(port)),
    );
    expect([taken[0], taken.at(-1), taken.length]).toEqual([1, 65535, 65535]);
  });

  test('counts up to 15 characters wherever the first letter of a name is', () => {
    for (let digits = 0; digits < 15; digits += 1) {
      const longest = '1'.repeat(digits) + 'a'.repeat(15 - digits);
      expect([longest, `${longest}a`, `1${longest}`].map((name) => pattern.test(name))).toEqual([
        true,
        false,
        false,
      ]);
    }
  });

  test('agrees with the parser on everything but reversed ranges, all, icmp and "--"', () => {
    fc.assert(
      fc.property(nearlyPorts, (text) => {
        expect({ text, taken: pattern.test(text) && !beyondPattern(text) }).toEqual({
          text,
          taken: readable(text),
        });
      }),
    );
  });

  test('is plain enough for every regular expression engine', () => {
    expect(PORT_PATTERN).not.toContain('(?');
    expect(PORT_PATTERN).not.toContain('\\');
  });
});

const transport = fc.constantFrom('TCP', 'UDP', 'SCTP');
const anyPort: fc.Arbitrary<Port> = fc.oneof(
  fc.constantFrom<Port>({ kind: 'all' }, { kind: 'icmp' }),
  fc
    .tuple(transport, fc.integer({ min: 1, max: 40 }), fc.nat({ max: 5 }))
    .map(([protocol, from, more]): Port => ({ kind: 'range', protocol, from, to: from + more })),
  fc
    .tuple(transport, fc.constantFrom('http', 'dns', '9p'))
    .map(([protocol, name]): Port => ({ kind: 'named', protocol, name })),
);
const transportPort = anyPort.filter(({ kind }) => kind !== 'all');

describe('writing ports', () => {
  test.each([
    ['80', '80/TCP'],
    ['30000-32767/udp', '30000-32767/UDP'],
    ['80-80', '80/TCP'],
    ['http', 'http/TCP'],
    ['All', 'All'],
    ['ICMP', 'ICMP'],
  ])('%s is %s', (written, canonical) => {
    expect(formatPort(parsePort(written))).toBe(canonical);
  });

  test('the text reads back as the same port', () => {
    fc.assert(
      fc.property(anyPort, (port) => {
        expect(parsePort(formatPort(port))).toEqual(port);
      }),
    );
  });
});

describe('grouping ports', () => {
  const grouped = (...ports: (number | string)[]) => groupPorts(ports.map(parsePort));

  test('by protocol, numbers before names, ranges merged when they touch', () => {
    expect(
      grouped('web', 443, '80', '53/UDP', '81-90', '85-100', 'dns', '80', 'ICMP', '1-65535/SCTP'),
    ).toEqual({
      all: false,
      icmp: true,
      transports: [
        { protocol: 'TCP', ports: ['80:100', 443, 'dns', 'web'] },
        { protocol: 'UDP', ports: [53] },
        { protocol: 'SCTP', ports: ['1:65535'] },
      ],
    });
  });

  test('a range inside another does not shorten it', () => {
    expect(grouped('10-50', '20-30', 51).transports).toEqual([{ protocol: 'TCP', ports: ['10:51'] }]);
  });

  test('ICMP is in it only when it is given', () => {
    expect(grouped(80)).toEqual({ all: false, icmp: false, transports: [{ protocol: 'TCP', ports: [80] }] });
  });

  test('All includes everything', () => {
    expect(grouped(80, 'All', 'ICMP')).toEqual({ all: true, icmp: false, transports: [] });
  });

  test('no ports are no groups', () => {
    expect(groupPorts([])).toEqual({ all: false, icmp: false, transports: [] });
  });

  test('covers the same ports, with gaps between, in any order', () => {
    fc.assert(
      fc.property(fc.array(transportPort), (ports) => {
        const groups = groupPorts(ports);
        expect(groupPorts([...ports].reverse())).toEqual(groups);
        expect(coveredByGroups(groups)).toEqual(coveredBy(ports));
      }),
    );
  });
});

test.each<[(number | string)[], string[]]>([
  [[], ['1-65535/TCP', '1-65535/UDP', '1-65535/SCTP']],
  [
    [22, '80-90', '53/UDP'],
    ['1-21/TCP', '23-79/TCP', '91-65535/TCP', '1-52/UDP', '54-65535/UDP', '1-65535/SCTP'],
  ],
  [
    ['1-65535', '1/UDP', '65535/SCTP'],
    ['2-65535/UDP', '1-65534/SCTP'],
  ],
])('the ports other than %j are %j', (given, others) => {
  expect(otherPorts(given)).toEqual(others);
});

const enumerate = (protocol: string, from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `${String(from + index)}/${protocol}`);

function coveredBy(ports: readonly Port[]): string[] {
  const covered = ports.flatMap((port) => {
    if (port.kind === 'range') return enumerate(port.protocol, port.from, port.to);
    return port.kind === 'named' ? [`${port.name}/${port.protocol}`] : [];
  });
  return [...new Set(covered)].sort();
}

/** Duplicates stay, so a port in two ranges shows up as a difference. */
function coveredByGroups({ transports }: ReturnType<typeof groupPorts>): string[] {
  return transports
    .flatMap(({ protocol, ports }) =>
      ports.flatMap((port) => {
        const [from, to] = String(port).split(':').map(Number);
        if (from === undefined || Number.isNaN(from)) return [`${String(port)}/${protocol}`];
        return enumerate(protocol, from, to ?? from);
      }),
    )
    .sort();
}
