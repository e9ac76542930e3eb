/**
 * A tenant with every right on Calico's policies in one namespace, and an administrator who changes the firewall.
 * Whatever the tenant has done before, the operator writes the same for others as without him, at the same times.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Group, Spec } from '../api/schema.ts';
import { remove } from '../cluster/objects/apply.ts';
import type { FakeApiServer } from '../cluster/testing/fake-api-server.ts';
import type { StoredObject } from '../cluster/resource.ts';
import { FEWER } from '../compiler/testing/runs.ts';
import { SIGNATURE } from './objects/ownership.ts';
import { FIREWALLS } from './observe/firewalls.ts';
import { firewallObject } from './testing/calico-server.ts';
import {
  ESCAPE,
  isTenants,
  labelNamespace,
  LABELS,
  MARK,
  OPENS,
  policiesIn,
  RULES,
  team,
  Tenant,
  tenantsCluster,
  VICTIM,
  victims,
  watchedRounds,
  type NamespacedKind,
} from './testing/tenant.ts';

const kind = fc.constantFrom<NamespacedKind>('NetworkPolicy', 'StagedNetworkPolicy');
const claims = fc.constantFrom(
  'default/defaults/deny',
  'default/defaults/pass',
  'default/defaults/bridge-from',
  'default/defaults/bridge-to',
  'default/defaults/bridge-complete',
  'default/guardrails/corp',
  'default/nodes/deny',
  'default/nodes/bridge-from',
  'default/team/isolation/SameNamespace',
  'default/team/ingress/broken',
  'default/victims/egress/out',
  'other/x/ingress/y',
);
const spec = fc.constantFrom<object>(
  OPENS,
  { ...OPENS, selector: 'all()', egress: [{ action: 'Deny' }] },
  { ...OPENS, tier: 'clusterfirewall', ingress: [{ action: 'Pass', source: { selector: ESCAPE } }] },
  { tier: 'default', order: 1000, selector: `has(${MARK})`, types: ['Ingress', 'Egress'] },
);
const labels = fc.constantFrom<Readonly<Record<string, string>>>(
  LABELS,
  {},
  {
    ...LABELS,
    'clusterfirewall.io/firewall': 'other',
  },
);

const deed = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant('forge' as const),
      kind,
      /** A name of ours, or one of his own. */
      ours: fc.boolean(),
      name: fc.constantFrom('a', 'b', 'cfw-default-team-same-namespace-000000'),
      rules: fc.array(claims, { maxLength: 3 }),
      labels,
      spec,
      manager: fc.constantFrom('tenant', 'clusterfirewall'),
      /** Takes the signature of one of ours. */
      signed: fc.boolean(),
      held: fc.boolean(),
    }),
  },
  fc.record({
    does: fc.constantFrom(
      'edit' as const,
      'claim' as const,
      'strip' as const,
      'delete' as const,
      'replay' as const,
    ),
    index: fc.nat(3),
    spec,
    rules: fc.array(claims, { maxLength: 3 }),
  }),
);
type Deed = typeof deed extends fc.Arbitrary<infer T> ? T : never;

function act(tenant: Tenant, each: Deed): void {
  const policies = tenant.policies().filter(({ metadata }) => metadata.name.startsWith('cfw-'));
  if (each.does === 'forge') {
    const { ours, signed, held, ...forged } = each;
    const [model] = policies;
    const signature = model?.metadata.annotations?.[SIGNATURE];
    tenant.forge({
      ...forged,
      name: ours && model !== undefined ? model.metadata.name : forged.name,
      ...(signed && signature !== undefined && { annotations: { [SIGNATURE]: signature } }),
      ...(held && { finalizers: ['evil.example/never'] }),
    });
    return;
  }
  const object = policies[each.index];
  if (object !== undefined) change(tenant, object, each);
}

function change(tenant: Tenant, object: StoredObject, each: Exclude<Deed, { does: 'forge' }>): void {
  const { metadata } = object;
  switch (each.does) {
    case 'edit':
      tenant.edit(object, { spec: each.spec });
      break;
    case 'claim': {
      const annotations = { ...metadata.annotations, [RULES]: each.rules.join(',') };
      tenant.edit(object, { metadata: { ...metadata, annotations } });
      break;
    }
    case 'strip':
      tenant.edit(object, { metadata: { ...metadata, labels: {}, annotations: {} } });
      break;
    case 'delete':
      tenant.delete(object);
      break;
    case 'replay':
      tenant.replay(object);
      break;
  }
}

const broken = { name: 'broken', pods: {}, from: [{ peer: 'nobody' }], ports: [80] };
const half = { ...team, ingress: [broken] } as Group;
const corp = { name: 'corp', pods: {}, to: [{ ipBlock: { cidr: '10.0.0.0/8' } }], ports: ['All'] };
const put = (changed: Partial<Spec>) => (server: FakeApiServer) => {
  server.put(FIREWALLS, firewallObject(changed));
};
const changes = {
  'the namespace loses its label': (server) => {
    labelNamespace(server, VICTIM, {});
  },
  'a group goes': put({ namespaces: [half] }),
  'all groups go, and the default deny changes': put({
    namespaces: [],
    defaults: { deny: 'Ingress' },
  }),
  'a guardrail comes': put({ namespaces: [half, victims], guardrails: [corp] as Spec['guardrails'] }),
  'the firewall observes': put({ mode: 'Observe', namespaces: [half, victims] }),
  'the firewall is deleted': (server) => remove(server, FIREWALLS, 'default'),
} satisfies Record<string, (server: FakeApiServer) => unknown>;

interface Story {
  /** Each list is done before a round of its own. */
  readonly deeds: readonly (readonly Deed[])[];
  readonly what: keyof typeof changes;
  readonly restart: boolean;
}

/** The operator's writes for others from the administrator's change on, and what is then stored of them. */
async function othersIn({ deeds, what, restart }: Story) {
  const server = tenantsCluster({ namespaces: [half, victims] });
  const first = watchedRounds(server);
  await (await first.rounds.start()).settle();
  const tenant = new Tenant(server);
  for (const some of deeds) {
    for (const each of some) act(tenant, each);
    // The last deeds of all are done while the operator is away, or has not seen them yet.
    if (some !== deeds.at(-1)) await first.rounds.settle();
  }
  await changes[what](server);
  const { rounds, writes } = restart ? watchedRounds(server, first.authorship) : first;
  const [since, began] = [writes.length, rounds.clock.now()];
  if (restart) await rounds.start();
  await rounds.settle();
  const others = writes.slice(since).filter((each) => !isTenants(each));
  return {
    writes: others.map(({ at, method, path }) => `${String(at - began)} ${method} ${path}`),
    specs: others.map((each) => [each.path, JSON.stringify(each.spec)] as const),
    stored: policiesIn(server, VICTIM).map(({ metadata, spec: stored }) => [metadata.name, stored]),
  };
}

/**
 * A policy of ours that a tenant deletes while no operator runs looks like one that is new. A change may take a
 * bridge then (docs/decisions/0018-authorship.md).
 */
const notDeletedUnseen = (deeds: readonly (readonly Deed[])[]): readonly (readonly Deed[])[] =>
  deeds.map((some, index) =>
    index === deeds.length - 1 ? some.filter(({ does }) => does !== 'delete') : some,
  );

test('a tenant opens nothing, shuts nothing and delays nothing for others', async () => {
  const alone = new Map<string, ReturnType<typeof othersIn>>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(deed, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 }),
      fc.constantFrom(...(Object.keys(changes) as (keyof typeof changes)[])),
      fc.boolean(),
      async (all, what, restart) => {
        const deeds = restart ? notDeletedUnseen(all) : all;
        const key = `${what} ${String(restart)}`;
        alone.set(key, alone.get(key) ?? othersIn({ deeds: [], what, restart }));
        const [without, beside] = [await alone.get(key), await othersIn({ deeds, what, restart })];
        expect(beside.writes).toEqual(without?.writes);
        expect(beside.stored).toEqual(without?.stored);
        expect(JSON.stringify(beside.specs)).not.toContain(MARK);
        for (const [index, [path, text]] of beside.specs.entries()) {
          // A bridge may lack what the tenant has spoilt in his own namespace.
          if (!path.includes('bridge-from')) expect(text).toBe(without?.specs[index]?.[1]);
        }
      },
    ),
    FEWER,
  );
});
