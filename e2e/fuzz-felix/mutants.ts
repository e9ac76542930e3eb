/**
 * Changes of the simulator, each of which a run must notice. They are tried on what a run has recorded, so one
 * run on Felix is enough for all of them.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Prepared } from '../../src/simulator/prepared.ts';
import { readWorld } from '../../src/simulator/snapshot.ts';
import { walk } from '../../src/simulator/walk.ts';
import { disagreements, type Code, type Recorded } from './replay.ts';

export interface Mutant {
  readonly what: string;
  /** Below src. */
  readonly file: string;
  /** Occurs once in the file. */
  readonly from: string;
  readonly to: string;
}

const SRC = path.resolve(import.meta.dirname, '../../src');

export const MUTANTS: readonly Mutant[] = [
  mutant(
    'tiers without order',
    'simulator/chains.ts',
    'compare(a.order, b.order) || compare(a.name, b.name));',
    'compare(a.name, b.name));',
  ),
  mutant(
    'policies without order',
    'simulator/chains.ts',
    'compare(a.order, b.order) || compare(a.sortName',
    'compare(a.sortName',
  ),
  mutant(
    'Pass goes on in its tier',
    'simulator/chains.ts',
    'if (decision === undefined) continue tiers;',
    'if (decision === undefined) continue;',
  ),
  mutant('tiers never drop', 'simulator/chains.ts', "drops && defaultAction !== 'Pass'", 'false'),
  mutant('tiers always drop', 'simulator/chains.ts', "drops && defaultAction !== 'Pass'", 'drops'),
  mutant(
    'a missing tier passes',
    'simulator/chains.ts',
    "defaultAction: 'Deny' as const",
    "defaultAction: 'Pass' as const",
  ),
  mutant(
    'notNets are forgotten',
    'simulator/rules.ts',
    'if (end.notNets.length > 0) no.push',
    'if (end.notNets.length > 9) no.push',
  ),
  mutant(
    'notPorts are forgotten',
    'simulator/rules.ts',
    'test.notPorts === undefined || !portMatches',
    'true || !portMatches',
  ),
  mutant(
    'named ports are forgotten',
    'simulator/rules.ts',
    'test.names.length === 0 || protocol',
    'true || protocol',
  ),
  mutant(
    'other-family notNets count',
    'simulator/rules.ts',
    'return own.length > 0 && !(negated',
    'return (negated || own.length > 0) && !(negated',
  ),
  mutant(
    'notProtocol is forgotten',
    'simulator/rules.ts',
    'of.notProtocol === protocol) return false',
    'of.notProtocol === protocol) return true',
  ),
  mutant('ICMP types are forgotten', 'simulator/rules.ts', '!isIcmp(of.icmp, header)', 'false'),
  mutant('notSelector is global', 'calico/read/selectors.ts', 'if (isScoped) parts.unshift(scope);', ''),
  mutant(
    'all() is everything',
    'calico/read/selectors.ts',
    "return meaning ?? { kind: 'all' };",
    "return { kind: 'all' };",
  ),
  mutant(
    'namespaced rules see every namespace',
    'calico/read/selectors.ts',
    "if (text === '') return namespace === undefined ? undefined",
    "if (text === '') return true ? undefined",
  ),
  mutant(
    'a policy without types has one',
    'calico/read/calico-policy.ts',
    "egress: types.length === 0 || types.includes('Egress')",
    "egress: types.includes('Egress')",
  ),
  mutant(
    'service accounts have no labels',
    'simulator/labelled.ts',
    'this.#namespaces.get(namespace), account);',
    'this.#namespaces.get(namespace));',
  ),
  mutant(
    'preDNAT is after DNAT',
    'simulator/walk.ts',
    "return decision.by.kind === 'rule';",
    'return false;',
  ),
  mutant(
    'the last endpoint wins',
    'simulator/hosts.ts',
    '(a.name === b.name ? 0 : a.name < b.name ? -1 : 1)',
    '(a.name === b.name ? 0 : a.name < b.name ? 1 : -1)',
  ),
  mutant(
    '* judges what has its own endpoint',
    'simulator/hosts.ts',
    "specific.kind === 'endpoint' && (",
    "specific.kind === 'endpoint' && isNever && (",
  ),
  mutant(
    'no failsafes',
    'simulator/failsafes.ts',
    'of.protocol !== protocol || of.port !== port) continue',
    'of.port !== -1) continue',
  ),
  mutant(
    'natOutgoing everywhere',
    'simulator/routes.ts',
    'if (prepared.party(destination).pool !== undefined) return false;',
    '',
  ),
  mutant(
    'no natOutgoing',
    'simulator/routes.ts',
    'natOutgoing !== true) return false;',
    'natOutgoing !== undefined) return false;',
  ),
  mutant(
    'nodes are judged at their own pods',
    'simulator/walk.ts',
    'route.toPod !== undefined ||\n        this.#host(',
    'this.#host(',
  ),
  mutant(
    'forwarded packets meet no host policy',
    'simulator/walk.ts',
    "(accepted || this.#host(node, entry.from, 'host forward in', hop) === 'next')",
    'true',
  ),
];

function mutant(what: string, file: string, from: string, to: string): Mutant {
  return { what, file, from, to: to.replace('isNever', "(specific.endpoint.name === '')") };
}

/** @returns the mutants that no round has noticed */
export async function survivors(
  rounds: readonly Recorded[],
  say: (line: string) => void,
): Promise<readonly Mutant[]> {
  const alive: Mutant[] = [];
  // A packet about which the simulator itself is wrong shows nothing of a mutant.
  const real = { readWorld, Prepared, walk };
  const wrong = new Set(rounds.flatMap((round) => disagreements(real, round)).map(({ packet }) => packet));
  for (const each of MUTANTS) {
    const noticed = await inCopy(each, (code) =>
      rounds.findIndex((round) => disagreements(code, round).some(({ packet }) => !wrong.has(packet))),
    );
    if (noticed === -1) alive.push(each);
    say(
      `mutant: ${each.what}: ${noticed === -1 ? 'NOT NOTICED' : `noticed by round ${String(noticed + 1)}`}`,
    );
  }
  return alive;
}

/** @throws Error where the text to change is not there once */
export async function mutated({ file, from, to }: Mutant): Promise<string> {
  const text = await readFile(path.join(SRC, file), 'utf8');
  if (text.split(from).length !== 2) throw new Error(`${file} has not exactly one ${from}`);
  return text.replace(from, () => to);
}

async function inCopy(each: Mutant, run: (code: Code) => number): Promise<number> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'clusterfirewall-mutant-'));
  try {
    const rooms = ['calico', 'net', 'simulator', 'json.ts'];
    for (const room of rooms) await cp(path.join(SRC, room), path.join(folder, room), { recursive: true });
    await writeFile(path.join(folder, 'package.json'), '{"type":"module"}');
    await writeFile(path.join(folder, each.file), await mutated(each));
    const load = async (name: string): Promise<object> =>
      (await import(pathToFileURL(path.join(folder, 'simulator', `${name}.ts`)).href)) as object;
    const [snapshot, prepared, walk] = await Promise.all(['snapshot', 'prepared', 'walk'].map(load));
    return run({ ...snapshot, ...prepared, ...walk } as Code);
  } finally {
    await rm(folder, { recursive: true });
  }
}
