/**
 * Cases from people's own reports (e2e/cases). `# warns: PATH | MESSAGE` is a warning that something has no
 * effect, and there are no others. `# verdict: SOURCE -> DESTINATION PROTOCOL/PORT allow|deny` is what Felix
 * says of the objects, by the simulator.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { loadAll } from 'js-yaml';
import { PROTOCOL } from '../calico/read/protocols.ts';
import { judge } from '../simulator/chains.ts';
import { Prepared } from '../simulator/prepared.ts';
import { readWorld } from '../simulator/snapshot.ts';
import { runCommand } from './testing.ts';

const FOLDER = join(import.meta.dirname, '../../e2e/cases/pods');
const INVENTORY = join(FOLDER, 'inventory.yaml');
const cases = readdirSync(FOLDER)
  .filter((name) => name !== 'inventory.yaml')
  .sort();

const directives = (text: string, name: string): readonly string[] =>
  [...text.matchAll(new RegExp(`^# ${name}: (.*)$`, 'gm'))].map(([, rest = '']) => rest);

interface Finding {
  readonly severity: string;
  readonly reason: string;
  readonly path: string;
  readonly message: string;
}

describe.each(cases)('%s', (name) => {
  const file = join(FOLDER, name);
  const text = readFileSync(file, 'utf8');

  test('warns of what has no effect, and of nothing else', async () => {
    const ran = await runCommand(['validate', file, '--inventory', INVENTORY, '-o', 'json']);
    expect(ran.exitCode).toBe(0);
    const { findings } = JSON.parse(ran.stdout) as { readonly findings: readonly Finding[] };
    const said = findings.filter(({ reason }) => ['NoEffect', 'ClientsSeenAsNodes'].includes(reason));
    const wanted = directives(text, 'warns').map((each) => each.split(' | '));
    expect(said).toEqual(
      wanted.map(([path, message = '']) =>
        expect.objectContaining({ severity: 'warning', path, message: expect.stringContaining(message) }),
      ),
    );
  });

  const verdicts = directives(text, 'verdict');
  if (verdicts.length > 0)
    test('means what people wanted', async () => {
      const rendered = await runCommand(['render', file, '--inventory', INVENTORY]);
      const cluster = [
        ...loadAll(rendered.stdout),
        ...loadAll(readFileSync(INVENTORY, 'utf8')),
      ] as readonly object[];
      const world = new Prepared(readWorld(cluster));
      expect(verdicts.map((each) => `${each.replace(/ \w+$/, '')} ${verdictOf(each, world)}`)).toEqual(
        verdicts,
      );
    });
});

/** Both ends of the flow, as far as they are pods. */
function verdictOf(text: string, world: Prepared): string {
  const [, from = '', to = '', protocol = 'TCP', port] = /^(\S+) -> (\S+) (TCP|UDP)\/(\d+) /.exec(text) ?? [];
  const [source, destination] = [partyOf(from, world), partyOf(to, world)];
  const header = {
    family: 4,
    protocol: protocol === 'TCP' ? PROTOCOL.TCP : PROTOCOL.UDP,
    sourcePort: 40_000,
    port: Number(port),
    icmpType: 8,
    icmpCode: 0,
    state: 'new',
  } as const;
  const ends = { source: world.party(source.address), destination: world.party(destination.address) };
  const chains = [
    ...(source.pod ? [world.podChains(source.pod).egress] : []),
    ...(destination.pod ? [world.podChains(destination.pod).ingress] : []),
  ];
  const decisions = chains.map((chain) => judge(world.book, chain, header, ends).verdict);
  expect(decisions).not.toContain('Unknown');
  return decisions.includes('Denied') ? 'deny' : 'allow';
}

function partyOf(text: string, world: Prepared) {
  if (/^[0-9.]+$/.test(text)) return { address: text };
  const [, node, address] = /^node:([^@]+)(?:@(.+))?$/.exec(text) ?? [];
  if (node !== undefined)
    return { address: address ?? world.world.nodes.find(({ name }) => name === node)?.addresses[0] ?? '' };
  const pod = world.pod(text);
  return { pod, address: pod?.addresses[0] ?? '' };
}
