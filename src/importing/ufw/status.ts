/** Lines of `ufw status verbose` (ufw(8)). */
import type { Family } from '../addresses.ts';
import { ImportError, placeOf, type SourceLine } from '../result.ts';

interface Rules {
  readonly family: Family;
  /** In the words of iptables. */
  readonly words: readonly (readonly string[])[];
  /** Why the line is left out. */
  readonly left?: string;
}

const ACTIONS: ReadonlyMap<string, readonly (readonly string[])[]> = new Map([
  ['ALLOW', [['-j', 'ACCEPT']]],
  ['DENY', [['-j', 'DROP']]],
  ['REJECT', [['-j', 'REJECT']]],
  // More than six connections in 30 seconds are refused, and no later rule is asked.
  [
    'LIMIT',
    [
      ['-m', 'recent', '-j', 'REJECT'],
      ['-j', 'ACCEPT'],
    ],
  ],
]);

/** @throws ImportError for a line in another form */
export function rulesOf(line: SourceLine): Rules {
  const text = line.text.replace(/\s+#.*$/, '').replaceAll(/\s*\((?:log|log-all|out)\)/g, '');
  const [, to, action = '', direction = 'IN', from] =
    /^(.+?) +(ALLOW|DENY|REJECT|LIMIT)(?: (IN|OUT|FWD))? {2,}(.+)$/.exec(
      text.replaceAll(' (v6)', '').trim(),
    ) ?? [];
  if (to === undefined || from === undefined)
    throw new ImportError(
      `${placeOf(line)} is no rule of ufw status verbose in English (LC_ALL=C): "${line.text.trim()}"`,
    );
  const isMarked = text.includes('(v6)');
  const left = (why: string): Rules => ({ family: isMarked ? 6 : 4, words: [], left: why });
  if (direction === 'OUT') return left('traffic that nodes send is not judged');
  if (direction === 'FWD') return left('traffic that the machine passes on is not imported');
  const [destination, source] = [endOf(to, line), endOf(from, line)];
  // Where an address says it, ufw does not.
  const isV6 = isMarked || [destination, source].some(({ address = '' }) => address.includes(':'));
  const protocol = destination.protocol ?? source.protocol;
  const common = [
    ...(source.address === undefined ? [] : ['-s', source.address]),
    ...(destination.address === undefined ? [] : ['-d', destination.address]),
    ...(destination.at === undefined ? [] : ['-i', destination.at]),
  ];
  const isWithPorts = destination.ports !== undefined || source.ports !== undefined;
  // Without a protocol, a port is one of TCP and of UDP.
  const protocols = protocol !== undefined ? [protocol] : isWithPorts ? ['tcp', 'udp'] : [];
  const ports = [
    ...(destination.ports === undefined ? [] : ['-m', 'multiport', '--dports', destination.ports]),
    ...(source.ports === undefined ? [] : ['-m', 'multiport', '--sports', source.ports]),
  ];
  const each = (more: readonly string[]): readonly (readonly string[])[] =>
    (ACTIONS.get(action) ?? []).map((target) => [...common, ...more, ...target]);
  return {
    family: isV6 ? 6 : 4,
    words: protocols.length === 0 ? each([]) : protocols.flatMap((name) => each(['-p', name, ...ports])),
  };
}

interface End {
  readonly address?: string;
  readonly ports?: string;
  readonly protocol?: string;
  /** The interface. */
  readonly at?: string;
}

/** `Anywhere`, `22/tcp`, `80,443/tcp (Web)`, `192.0.2.1 22/tcp`, `Anywhere on eth1`, `203.0.113.0/24/udp`. */
function endOf(text: string, line: SourceLine): End {
  const at = / on (\S+)$/.exec(text)?.[1];
  const end: { -readonly [K in keyof End]: End[K] } = at === undefined ? {} : { at };
  for (const word of text.replace(/ on \S+$/, '').split(/ +(?![^(]*\))/)) {
    const protocol = /\/([a-z][a-z-]*)$/.exec(word)?.[1];
    if (protocol !== undefined) end.protocol = protocol;
    const bare = word.replace(/\/[a-z][a-z-]*$/, '');
    if (/^\d+(?:[:,]\d+)*$/.test(bare)) end.ports = bare;
    else if (/^[0-9a-f.:]+(?:\/\d+)?$/i.test(bare)) end.address = bare;
    else if (bare.startsWith('(') && end.ports !== undefined) continue;
    else if (bare !== 'Anywhere')
      throw new ImportError(
        `${placeOf(line)}: "${bare}" is a profile of ufw. Give the output of ufw status verbose, which has its ports`,
      );
  }
  return end;
}
