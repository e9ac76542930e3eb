/** An import of `ufw status verbose` lets in what its first matching line lets in (ufw(8)), and never more. */
import { describe, test } from '@jest/globals';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { FEWER } from '../../compiler/testing/runs.ts';
import { type PlainPacket, type PlainVerdict, SOURCES } from './testing/chains.ts';
import { expectEqual, KNOWN, specOf } from './testing/compare.ts';

interface Line {
  readonly family: 4 | 6;
  readonly action: 'ALLOW' | 'DENY' | 'REJECT' | 'LIMIT';
  /** Absent: everything. */
  readonly ports?: readonly number[];
  /** Absent: TCP and UDP, or every protocol where there are no ports. */
  readonly protocol?: 'tcp' | 'udp' | 'gre';
  readonly source?: string;
}

interface Status {
  readonly isOpen: boolean;
  readonly lines: readonly Line[];
}

const lineOf = (family: 4 | 6): fc.Arbitrary<Line> =>
  fc
    .record({
      action: fc.constantFrom<Line['action']>('ALLOW', 'ALLOW', 'DENY', 'REJECT', 'LIMIT'),
      ports: fc.option(fc.constantFrom([22], [80, 443], [443]), { nil: undefined }),
      protocol: fc.option(fc.constantFrom('tcp' as const, 'udp' as const, 'gre' as const), {
        nil: undefined,
      }),
      source: fc.option(fc.constantFrom<string>(...SOURCES[family]), { nil: undefined }),
    })
    .map(({ action, ports, protocol, source }) => ({
      family,
      action,
      ...(ports !== undefined && protocol !== 'gre' && { ports }),
      // ufw wants a protocol where there are several ports.
      ...((protocol !== undefined || (ports?.length ?? 0) > 1) && { protocol: protocol ?? 'tcp' }),
      ...(source !== undefined && { source }),
    }));

const statuses: fc.Arbitrary<Status> = fc.record({
  isOpen: fc.constantFrom(false, false, true),
  lines: fc.array(fc.oneof(lineOf(4), lineOf(6)), { minLength: 1, maxLength: 7 }),
});

function textOf({ isOpen, lines }: Status): string {
  const isBoth = lines.some(({ family }) => family === 6);
  return [
    'Status: active',
    'Logging: on (low)',
    `Default: ${isOpen ? 'allow' : 'deny'} (incoming), allow (outgoing), disabled (routed)`,
    'New profiles: skip',
    '',
    'To                         Action      From',
    '--                         ------      ----',
    ...lines.map(({ family, action, ports, protocol, source }) => {
      // Where an address says it, ufw does not.
      const v6 = family === 6 && source === undefined ? ' (v6)' : '';
      const suffix = protocol === undefined ? '' : `/${protocol}`;
      const to = `${ports === undefined ? 'Anywhere' : ports.join()}${suffix}${v6}`;
      return `${to.padEnd(26)} ${`${action} IN`.padEnd(11)} ${source ?? `Anywhere${v6}`}`;
    }),
    ...(isBoth ? [] : ['22/tcp (v6)                DENY IN     Anywhere (v6)']),
    '',
  ].join('\n');
}

function verdictsOf(
  { isOpen, lines }: Status,
  packet: PlainPacket,
  family: 4 | 6,
): ReadonlySet<PlainVerdict> {
  const first = lines.find((line) => line.family === family && matches(line, packet));
  if (first === undefined) return new Set([isOpen ? 'ACCEPT' : 'DROP']);
  // Nobody can tell from a packet alone how many came before it.
  if (first.action === 'LIMIT') return new Set(['ACCEPT', 'DROP']);
  return new Set([first.action === 'ALLOW' ? 'ACCEPT' : 'DROP']);
}

function matches({ ports, protocol, source }: Line, packet: PlainPacket): boolean {
  if (source !== undefined && !ipaddr.parse(packet.source).match(ipaddr.parseCIDR(source))) return false;
  if (protocol !== undefined && protocol !== packet.protocol) return false;
  return ports === undefined || (packet.protocol !== 'gre' && ports.includes(packet.port));
}

describe('ufw status verbose', () => {
  test('never becomes wider, and stays as wide where there are no limits', () => {
    fc.assert(
      fc.property(statuses, (status) => {
        expectEqual({
          spec: specOf('ufw', textOf(status), KNOWN),
          families: status.lines.some(({ family }) => family === 6) ? [4, 6] : [4],
          verdictsOf: (packet, family) => verdictsOf(status, packet, family),
          // A default that lets in everything is not taken over.
          isExact: !status.isOpen && status.lines.every(({ action }) => action !== 'LIMIT'),
        });
      }),
      FEWER,
    );
  });
});
