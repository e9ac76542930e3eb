import { describe, expect, test } from '@jest/globals';
import { ApiError } from '../cluster/errors.ts';
import type { FakeApiServer } from '../cluster/testing/fake-api-server.ts';
import { web } from '../compiler/testing/examples.ts';
import type { Opening } from '../compiler/types.ts';
import { kindResource } from './objects/kinds.ts';
import { FIREWALLS } from './observe/firewalls.ts';
import { blogCluster, firewallObject, NAMESPACES, namespaceObject } from './testing/calico-server.ts';
import { Rounds } from './testing/rounds.ts';

const POLICIES = kindResource('GlobalNetworkPolicy');
const OFFICE = '198.51.100.0/24';
const MINUTE = 60_000;

const spec = (cidr = OFFICE) => ({
  peers: [{ name: 'office', cidrs: [cidr] }],
  namespaces: [
    web,
    {
      name: 'site',
      namespaces: ['blog'],
      ingress: [
        {
          name: 'site',
          pods: { matchLabels: { app: 'site' } },
          from: [{ peer: 'office' }],
          ports: [8080],
        },
      ],
    },
  ],
});

/** Another client lets these networks in where the firewall lets the office in. */
const theirs = (server: FakeApiServer, net: string, port = 8080): void => {
  server.put(POLICIES, {
    metadata: { name: 'theirs' },
    spec: {
      selector: "app == 'site'",
      namespaceSelector: "kubernetes.io/metadata.name == 'blog'",
      types: ['Ingress'],
      ingress: [
        { action: 'Allow', protocol: 'TCP', source: { nets: [net] }, destination: { ports: [port] } },
      ],
    },
  });
};

async function begun(net: string): Promise<{ readonly server: FakeApiServer; readonly rounds: Rounds }> {
  const server = blogCluster(spec());
  for (const name of ['blog', 'default'])
    server.put(NAMESPACES, namespaceObject(name, { 'kubernetes.io/metadata.name': name }));
  server.put(
    { group: 'projectcalico.org', plural: 'ippools' },
    { metadata: { name: 'pool' }, spec: { cidr: '10.244.0.0/16' } },
  );
  theirs(server, net);
  const rounds = await new Rounds(server).start();
  let ms = 0;
  for (let count = 0; ms < MINUTE / 2 && count < 20; count += 1) {
    await rounds.clock.advance(ms);
    const next = await rounds.round();
    ms = next.type === 'requeueAfter' ? next.ms : 0;
  }
  return { server, rounds };
}

const first = (rounds: Rounds): Opening | undefined => {
  const finding = rounds.told.findings.get('default');
  return finding?.type === 'compiled' ? finding.foreign?.objects.first : undefined;
};
const MAY = 'ingress of pods, before the default deny';
const lists = (server: FakeApiServer): number =>
  server.requests.filter(({ method, path }) => method === 'GET' && path.includes('/networksets')).length;

describe('a policy of others', () => {
  test('is not named where it opens nothing', async () => {
    const { rounds } = await begun('198.51.100.0/25');
    expect(first(rounds)).toBeUndefined();
  });

  test('is named with an example where it opens something', async () => {
    const { rounds } = await begun('198.51.100.0/23');
    expect(first(rounds)).toMatchObject({
      object: 'GlobalNetworkPolicy/theirs',
      opens: `${MAY}, for example 198.51.101.0 to blog/[app=site], 8080/TCP`,
    });
  });

  test('that changes is looked at again within a minute', async () => {
    const { server, rounds } = await begun('198.51.100.0/25');
    theirs(server, '198.51.100.0/23');
    const next = await rounds.round();
    expect(next).toMatchObject({ type: 'requeueAfter' });
    expect(next.type === 'requeueAfter' ? next.ms : Infinity).toBeLessThanOrEqual(MINUTE);
    expect(first(rounds)).toBeUndefined();
    await rounds.clock.advance(MINUTE);
    await rounds.round();
    expect(first(rounds)?.opens).toContain('for example 198.51.101.0');
  });

  test('is named at once where the watch shows that it selects more', async () => {
    const { server, rounds } = await begun('198.51.100.0/25');
    server.put(POLICIES, {
      metadata: { name: 'theirs' },
      spec: { selector: 'all()', types: ['Ingress'], ingress: [{ action: 'Allow' }] },
    });
    await rounds.round();
    expect(first(rounds)?.opens).toBe(MAY);
  });

  test('is judged at once where the spec has changed', async () => {
    const { server, rounds } = await begun('198.51.100.0/25');
    server.put(FIREWALLS, firewallObject(spec('198.51.100.128/25')));
    await rounds.round();
    expect(first(rounds)?.opens).toBe(`${MAY}, for example 198.51.100.0 to blog/[app=site], 8080/TCP`);
  });

  test('is looked at no more than once a minute', async () => {
    const { server, rounds } = await begun('198.51.100.0/25');
    const before = lists(server);
    await rounds.round();
    await rounds.round();
    expect(lists(server)).toBe(before);
    await rounds.clock.advance(MINUTE);
    await rounds.round();
    expect(lists(server)).toBe(before + 1);
  });

  test('stays named where nobody can look', async () => {
    const { server, rounds } = await begun('198.51.100.0/25');
    server.fault = ({ method, path }) =>
      method === 'GET' && path.includes('networksets')
        ? new ApiError({ code: 500, message: 'broken' })
        : undefined;
    await rounds.clock.advance(MINUTE);
    await rounds.round();
    expect(first(rounds)?.opens).toBe(MAY);
  });
});
