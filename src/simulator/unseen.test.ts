import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PROTOCOL } from '../calico/read/protocols.ts';
import { Prepared } from './prepared.ts';
import { readWorld } from './snapshot.ts';
import { addressOf, calico, cluster, policy, service } from './testing/objects.ts';
import type { Verdict } from './decision.ts';
import type { Outcome } from './trail.ts';
import { walk } from './walk.ts';

const db = addressOf('shop/db');
const far = addressOf('bank/far');
const OUTSIDE = '203.0.113.7';
const SERVICE = service('db', { backends: [[db, 'node2']] });
const CLUSTER_IP = '10.96.0.10';

const account = (namespace: string, name: string, labels: object): object => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { namespace, name, labels },
});
const ACCOUNTS = [account('shop', 'robot', { role: 'robot' }), account('shop', 'default', { role: 'none' })];
const ALL = [...cluster(), ...SERVICE, ...ACCOUNTS];
/** The same cluster for one who may read neither. */
const LACKS = ['EndpointSlice', 'ServiceAccount'];
const SEEN = ALL.filter((object) => !LACKS.includes((object as { readonly kind: string }).kind));

function ask(objects: readonly object[], lacks: readonly string[], from: string, to: string): Outcome {
  const prepared = new Prepared(readWorld(objects, lacks));
  const pod = prepared.pod(from);
  if (pod === undefined) throw new Error(`no pod ${from}`);
  const port = to === CLUSTER_IP ? 81 : 80;
  const header = {
    family: 4,
    protocol: PROTOCOL.TCP,
    sourcePort: 40_000,
    port,
    icmpType: 8,
    icmpCode: 0,
    state: 'new',
  } as const;
  const hop = { source: pod.addresses[0] ?? '', destination: to, port };
  return walk(prepared, { kind: 'pod', pod }, header, hop);
}
const blind = (policies: readonly object[], from: string, to: string): Outcome =>
  ask([...SEEN, ...policies], LACKS, from, to);
const sighted = (policies: readonly object[], from: string, to: string): Verdict =>
  ask([...ALL, ...policies], [], from, to).verdict;
const because = ({ decisive }: Outcome): string =>
  decisive.decision.by.kind === 'unknown' ? decisive.decision.by.because : decisive.decision.verdict;

const toService = { services: { name: 'db', namespace: 'shop' } };
const robots = { serviceAccounts: { selector: "role == 'robot'" } };
const tenant = (name: string, spec: object): object => ({
  ...calico('NetworkPolicy', name, spec),
  metadata: { namespace: 'shop', name },
});

describe('EndpointSlices and ServiceAccounts that nobody has seen', () => {
  test('a rule about them leaves the answers of other pods alone', () => {
    const policies = [
      tenant('service', { types: ['Egress'], egress: [{ action: 'Allow', destination: toService }] }),
      tenant('accounts', { types: ['Ingress'], ingress: [{ action: 'Allow', source: robots }] }),
      tenant('subject', { serviceAccountSelector: "role == 'robot'", types: ['Egress'] }),
    ];
    expect(blind(policies, 'bank/far', OUTSIDE).verdict).toBe('Allowed');
    expect(because(blind(policies, 'shop/web', OUTSIDE))).toBe(
      'NetworkPolicy shop/default.subject selects pods by labels of ServiceAccounts, which are missing',
    );
  });

  test.each([
    [
      'a Service',
      { types: ['Egress'], egress: [{ action: 'Allow', destination: toService }] },
      'spec.egress[0] of NetworkPolicy shop/default.a is about the Service shop/db, and EndpointSlices are missing',
    ],
    [
      'accounts',
      { types: ['Egress'], egress: [{ action: 'Allow', destination: robots }] },
      'spec.egress[0] of NetworkPolicy shop/default.a is about labels of ServiceAccounts, which are missing',
    ],
    [
      'Pass',
      { types: ['Egress'], egress: [{ action: 'Pass', destination: toService }, { action: 'Allow' }] },
      'spec.egress[0] of NetworkPolicy shop/default.a is about the Service shop/db, and EndpointSlices are missing',
    ],
  ])('a rule that may decide makes the answer Unknown: %s', (_, spec, reason) => {
    expect(because(blind([tenant('a', spec)], 'shop/web', db))).toBe(reason);
  });

  test.each([
    [
      'both ways end alike',
      { egress: [{ action: 'Allow', destination: toService }, { action: 'Allow' }] },
      'Allowed',
    ],
    [
      'another port',
      { egress: [{ action: 'Allow', protocol: 'TCP', destination: { ...robots, ports: [81] } }] },
      'Denied',
    ],
    [
      'another selector',
      { egress: [{ action: 'Allow', destination: { ...robots, selector: "app == 'web'" } }] },
      'Denied',
    ],
    [
      'a rule before it',
      { egress: [{ action: 'Deny' }, { action: 'Allow', destination: toService }] },
      'Denied',
    ],
  ])('a rule that cannot decide leaves the answer as it is: %s', (_, spec, verdict) => {
    expect(blind([tenant('a', { types: ['Egress'], ...spec })], 'shop/web', db).verdict).toBe(verdict);
  });

  test('only the way to a Service is Unknown', () => {
    expect(blind([], 'shop/web', OUTSIDE).verdict).toBe('Allowed');
    expect(because(blind([], 'shop/web', CLUSTER_IP))).toBe(
      'the EndpointSlices of Service shop/db:81 are missing',
    );
  });

  test('no answer contradicts that of one who sees them', () => {
    const end = fc.constantFrom(
      {},
      toService,
      robots,
      { ...robots, selector: "app == 'db'" },
      {
        notSelector: "pcsa.role == 'none'",
      },
    );
    const rule = fc.record({
      action: fc.constantFrom('Allow', 'Deny', 'Pass', 'Log'),
      destination: end,
      source: fc.constantFrom({}, robots, { selector: "app == 'web'" }),
    });
    const spec = fc.record({
      order: fc.integer({ min: 1, max: 9 }),
      selector: fc.constantFrom('all()', "app == 'web'"),
      serviceAccountSelector: fc.constantFrom('', '', "role == 'robot'"),
      types: fc.constantFrom(['Egress'], ['Ingress', 'Egress']),
      egress: fc.array(rule, { maxLength: 3 }),
      ingress: fc.array(
        fc.record({ action: fc.constantFrom('Allow', 'Deny'), source: fc.constantFrom({}, robots) }),
        {
          maxLength: 2,
        },
      ),
    });
    fc.assert(
      fc.property(fc.array(spec, { minLength: 1, maxLength: 3 }), (specs) => {
        const policies = specs.map((each, index) =>
          index === 0 ? policy('p0', each) : tenant(`p${String(index)}`, each),
        );
        for (const to of [db, far, CLUSTER_IP, OUTSIDE]) {
          const seen = blind(policies, 'shop/web', to).verdict;
          if (seen !== 'Unknown')
            expect({ to, seen }).toEqual({ to, seen: sighted(policies, 'shop/web', to) });
        }
      }),
    );
  });
});
