/** The criteria of a rule of iptables (iptables(8), iptables-extensions(8)). */

export interface Option {
  /** Without dashes, as the manual names it first. */
  readonly name: string;
  readonly negated: boolean;
  readonly values: readonly string[];
}

interface Target {
  readonly name: string;
  readonly isGoto: boolean;
}

export interface Parsed {
  readonly options: readonly Option[];
  readonly modules: readonly string[];
  /** Absent: the rule only counts. */
  readonly target?: Target;
}

const SHORT: Readonly<Record<string, string>> = {
  '-p': 'protocol',
  '-s': 'source',
  '-d': 'destination',
  '-i': 'in-interface',
  '-o': 'out-interface',
  '-f': 'fragment',
  '-4': 'ipv4',
  '-6': 'ipv6',
  '-m': 'match',
  '-j': 'jump',
  '-g': 'goto',
  '-c': 'set-counters',
};
const LONG: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'destination',
  proto: 'protocol',
  'destination-port': 'dport',
  'destination-ports': 'dports',
  'source-port': 'sport',
  'source-ports': 'sports',
  state: 'ctstate',
};

export function parseRule(words: readonly string[]): Parsed {
  const options: Option[] = [];
  const modules: string[] = [];
  for (let at = 0; at < words.length;) {
    let negated = words[at] === '!';
    if (negated) at += 1;
    const word = words[at] ?? '';
    at += 1;
    const name = SHORT[word] ?? LONG[word.replace(/^--/, '')] ?? word.replace(/^--/, '');
    const values: string[] = [];
    while (at < words.length && !/^-[a-z]|^--[a-z]/i.test(words[at] ?? '') && !isNegation(words, at)) {
      values.push(words[at] ?? '');
      at += 1;
    }
    // An old way to write it: `-s ! 192.0.2.0/24`.
    if (values[0] === '!') {
      negated = true;
      values.shift();
    }
    if (name === 'jump' || name === 'goto')
      return { options, modules, target: { name: values[0] ?? '', isGoto: name === 'goto' } };
    if (name === 'match') modules.push(values[0] ?? '');
    else options.push({ name, negated, values });
  }
  return { options, modules };
}

/** True where `!` belongs to the next option, and not to this one's value. */
const isNegation = (words: readonly string[], at: number): boolean =>
  words[at] === '!' && (words[at + 1] ?? '').startsWith('-');
