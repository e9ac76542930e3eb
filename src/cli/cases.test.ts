/**
 * Cases from people's own reports (e2e/cases). `# warns: PATH | MESSAGE` is a warning of `validate`, and there
 * are no others. `# verdict: SOURCE -> DESTINATION PROTOCOL/PORT allow|deny` is what Felix
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
  readonly path: string;
  readonly message: string;
}

describe.each(cases)('%s', (name) => {
  const file = join(FOLDER, name);
  const text = readFileSync(file, 'utf8');

  test('warns of what the case names, and of nothing else', async () => {
    const ran = await runCommand(['validate', file, '--inventory', INVENTORY, '-o', 'json']);
    expect(ran.exitCode).toBe(0);
    const { findings } = JSON.parse(ran.stdout) as { readonly findings: readonly Finding[] };
    const wanted = directives(text, 'warns').map((each) => each.split(' | '));
    expect(findings).toEqual(
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

describe('config/samples/platform.yaml', () => {
  const file = join(import.meta.dirname, '../../config/samples/platform.yaml');

  test.each([
    ['9.9.9.9 -> ingress-nginx/controller TCP/8443 allow'],
    ['node:w2 -> ingress-nginx/controller TCP/8443 allow'],
    ['9.9.9.9 -> ingress-nginx/controller TCP/9090 deny'],
    ['ingress-nginx/controller -> shop/solver TCP/8089 allow'],
    ['9.9.9.9 -> shop/solver TCP/8089 deny'],
    ['cert-manager/controller -> ingress-nginx/controller TCP/8080 allow'],
    ['cert-manager/controller -> node:w1 TCP/80 allow'],
    ['cert-manager/controller -> 9.9.9.9 TCP/443 allow'],
    ['node:cp1 -> cert-manager/webhook TCP/10250 allow'],
    ['external-dns/edns -> 9.9.9.9 TCP/443 allow'],
    ['external-dns/edns -> node:cp1 TCP/6443 allow'],
    ['external-dns/edns -> 9.9.9.9 TCP/25 deny'],
    ['external-dns/edns -> 192.168.1.1 TCP/443 deny'],
    ['argocd/repo -> 9.9.9.9 TCP/22 allow'],
    ['argocd/server -> argocd/redis TCP/6379 allow'],
    ['ingress-nginx/controller -> argocd/server TCP/8080 allow'],
    ['shop/web -> argocd/server TCP/8080 deny'],
    ['monitoring/prometheus -> kube-system/coredns TCP/9153 allow'],
    ['monitoring/prometheus -> shop/web TCP/9187 allow'],
    ['monitoring/prometheus -> node:w1 TCP/9100 allow'],
    ['monitoring/prometheus -> node:w1 TCP/10250 allow'],
    ['monitoring/prometheus -> node:w1 TCP/22 deny'],
    ['monitoring/grafana -> shop/web TCP/9187 deny'],
    ['cnpg-system/operator -> data/pg-1 TCP/8000 allow'],
    ['node:cp1 -> data/pg-1 TCP/8000 allow'],
    ['node:w2 -> data/pg-1 TCP/8000 deny'],
    ['node:cp1 -> cnpg-system/operator TCP/9443 allow'],
    ['data/pg-1 -> data/pg-2 TCP/5432 allow'],
    ['data/pg-1 -> node:cp1 TCP/6443 allow'],
    ['shop/web -> data/pg-1 TCP/5432 deny'],
    ['mesh/client -> mesh/server TCP/15008 allow'],
    ['dev1/web -> dev2/web TCP/80 deny'],
    ['dev1/web -> kube-system/coredns UDP/53 allow'],
    ['dev1/web -> 9.9.9.9 TCP/443 deny'],
  ])('%s', async (verdict) => {
    const rendered = await runCommand(['render', file, '--inventory', INVENTORY]);
    const cluster = [
      ...loadAll(rendered.stdout),
      ...loadAll(readFileSync(INVENTORY, 'utf8')),
    ] as readonly object[];
    const world = new Prepared(readWorld(cluster));
    expect(`${verdict.replace(/ \w+$/, '')} ${verdictOf(verdict, world)}`).toBe(verdict);
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
