/** A tenant who may write Calico's policies in one namespace can do nothing to others. */
import { describe, expect, test } from '@jest/globals';
import type { Spec } from '../api/schema.ts';
import { remove } from '../cluster/objects/apply.ts';
import type { FakeApiServer } from '../cluster/testing/fake-api-server.ts';
import { kindResource } from './objects/kinds.ts';
import { FIREWALLS } from './observe/firewalls.ts';
import { firewallObject } from './testing/calico-server.ts';
import {
  ESCAPE,
  EVIL,
  isTenants,
  labelNamespace,
  MARK,
  policiesIn,
  team,
  Tenant,
  tenantsCluster,
  VICTIM,
  victims,
  watchedRounds,
  type Forged,
  type TimedWrite,
} from './testing/tenant.ts';

const STAYS = ['evil.example/never'];
const POLICIES = kindResource('GlobalNetworkPolicy');

interface Story {
  readonly spec?: Partial<Spec>;
  /** The tenant's deeds before the administrator's change. */
  readonly tenant?: (tenant: Tenant) => void;
  readonly change: (server: FakeApiServer) => unknown;
  /** The operator is started anew after the change. */
  readonly restart?: boolean;
}

/** Tells the story, and returns what the operator wrote from the change on. */
async function told({ spec, tenant, change, restart = false }: Story) {
  const server = tenantsCluster(spec);
  const first = watchedRounds(server);
  await (await first.rounds.start()).settle();
  const person = new Tenant(server);
  tenant?.(person);
  if (!restart) await first.rounds.settle();
  await change(server);
  const { rounds, writes } = restart ? watchedRounds(server, first.authorship) : first;
  const since = writes.length;
  const began = rounds.clock.now();
  if (restart) await rounds.start();
  await rounds.settle();
  const made = writes.slice(since).map((write) => ({ ...write, at: write.at - began }));
  return { server, rounds, tenant: person, writes: made, others: made.filter((each) => !isTenants(each)) };
}

const named = (writes: readonly TimedWrite[]): readonly string[] =>
  writes.map(({ method, path }) => `${method} ${path}`);
const put = (spec: Partial<Spec>) => (server: FakeApiServer) => {
  server.put(FIREWALLS, firewallObject(spec));
};
const withoutLabel = (server: FakeApiServer): unknown => labelNamespace(server, VICTIM, {});
const elsewhere = put({ namespaces: [], defaults: { exempt: { names: ['elsewhere'] } } });

const deny = (name: string): Forged => ({
  name: `cfw-${name}`,
  rules: ['default/defaults/deny'],
  finalizers: STAYS,
});
const denies = Array.from({ length: 20 }, (_, index) => deny(`d${String(index)}`));
const guard = { tier: 'clusterfirewall', selector: 'all()', types: ['Egress'], egress: [{ action: 'Deny' }] };
const forgeries: readonly Forged[] = [
  ...denies,
  { name: 'cfw-a', rules: ['default/evil/ingress/x'], finalizers: STAYS },
  {
    name: 'cfw-b',
    rules: ['default/defaults/bridge-from', 'default/defaults/bridge-complete'],
    finalizers: STAYS,
  },
  { name: 'cfw-g', rules: ['default/guardrails/g'], finalizers: STAYS, spec: guard },
  { name: 'cfw-n', rules: ['default/nodes/deny'], finalizers: STAYS },
  { kind: 'StagedNetworkPolicy', name: 'cfw-s', rules: ['default/defaults/deny'], finalizers: STAYS },
];
const forge = (person: Tenant): void => {
  for (const each of forgeries) person.forge(each);
};
const changes: Readonly<Record<string, Story['change']>> = {
  'a namespace loses its label': withoutLabel,
  'a group goes': put({ namespaces: [team] }),
  'everything goes and the default deny changes': elsewhere,
  'the firewall observes': put({ mode: 'Observe', namespaces: [team, victims] }),
};

describe('beside forged policies of all roles that finalizers hold', () => {
  const cases = Object.entries(changes).flatMap(([what, change]) =>
    [false, true].map((restart) => ({ what, change, restart })),
  );

  test.each(cases)(
    '$what: the same is written for others, at the same times (operator started anew: $restart)',
    async ({ change, restart }) => {
      const alone = await told({ change, restart });
      const beside = await told({ tenant: forge, change, restart });
      expect(alone.others.length).toBeGreaterThan(0);
      expect(beside.others).toEqual(alone.others);
      expect(JSON.stringify(beside.others)).not.toContain(MARK);
    },
  );

  test('the firewall can be deleted', async () => {
    const change = (server: FakeApiServer) => remove(server, FIREWALLS, 'default');
    const { server, others } = await told({ tenant: forge, change });
    expect(others).toEqual((await told({ change })).others);
    expect(server.collection(FIREWALLS).objects().size).toBe(0);
    expect(server.collection(POLICIES).objects().size).toBe(0);
  });

  test('the status names one of them in a warning, for all', async () => {
    const { rounds } = await told({ tenant: forge, change: () => undefined });
    expect(rounds.told.findings.get('default')).toMatchObject({
      programming: { programmed: true },
      problems: [{ severity: 'warning', rule: 'default', path: 'spec', reason: 'ForgedPolicy' }],
    });
    expect(JSON.stringify(rounds.told.findings.get('default'))).toMatch(
      /"NetworkPolicy\/evil\/cfw-a, and others: .* waits for the finalizers evil.example\/never\. /,
    );
  });
});

test('forged policies that nothing holds are removed after everything else', async () => {
  const change = put({ namespaces: [team] });
  const tenant = (server: FakeApiServer): void => {
    const person = new Tenant(server);
    for (const each of forgeries) person.forge({ ...each, finalizers: [] });
  };
  const beside = (server: FakeApiServer): void => {
    tenant(server);
    change(server);
  };
  const { server, rounds, writes, others } = await told({ change: beside });
  expect(others).toEqual((await told({ change })).others);
  expect(writes.slice(0, others.length)).toEqual(others);
  const names = [EVIL, VICTIM].map((namespace) =>
    policiesIn(server, namespace).map(({ metadata }) => metadata.name),
  );
  expect(names[0]).toEqual(names[1]);
  expect(rounds.told.findings.get('default')).toMatchObject({ problems: [] });
});

test('a firewall that goes takes its policies along, although nothing proves that they are ours', async () => {
  const server = tenantsCluster();
  await (await watchedRounds(server).rounds.start()).settle();
  expect(policiesIn(server, VICTIM)).not.toEqual([]);
  await remove(server, FIREWALLS, 'default');
  // The Lease with the keys of the process before is gone.
  const { rounds } = watchedRounds(server);
  await (await rounds.start()).settle();
  expect(server.collection(FIREWALLS).objects().size).toBe(0);
  for (const namespace of [EVIL, VICTIM]) expect(policiesIn(server, namespace)).toEqual([]);
});

test('a policy under a name that we never give is its author’s own, whatever it says', async () => {
  const change = put({ namespaces: [team] });
  const tenant = (person: Tenant): void => {
    for (const each of forgeries) person.forge({ ...each, name: each.name.replace('cfw-', 'own-') });
  };
  const { rounds, tenant: person, writes } = await told({ tenant, change });
  expect(writes).toEqual((await told({ change })).writes);
  expect(person.policies().filter(({ metadata }) => metadata.name.startsWith('own-'))).toHaveLength(
    forgeries.filter(({ kind }) => kind === undefined).length,
  );
  expect(rounds.told.findings.get('default')).toMatchObject({ problems: [] });
});

test('a taken name in one namespace keeps nothing in another', async () => {
  const tenant = (person: Tenant): void => {
    for (const { metadata } of person.policies()) {
      person.delete({ metadata });
      person.forge({ name: metadata.name, labels: {}, finalizers: STAYS });
    }
  };
  const { server, rounds } = await told({ tenant, change: put({ namespaces: [team] }) });
  expect(policiesIn(server, VICTIM)).toHaveLength(1);
  expect(rounds.told.findings.get('default')).toMatchObject({ programming: { reason: 'NameTaken' } });
  await withoutLabel(server);
  await rounds.settle();
  expect(policiesIn(server, VICTIM)).toEqual([]);
});

test('a policy of ours that a tenant gives the id of a frozen rule is repaired all the same', async () => {
  const broken = { name: 'more', pods: {}, from: [{ peer: 'nobody' }], ports: [80] };
  const group = { ...team, ingress: [broken] } as typeof team;
  const tenant = (person: Tenant): void => {
    const [ours] = person.policies();
    if (ours === undefined) throw new Error('nothing of ours is there');
    const { [`clusterfirewall.io/rules`]: rules = '', ...more } = ours.metadata.annotations ?? {};
    const annotations = { ...more, 'clusterfirewall.io/rules': `${rules},default/team/ingress/more` };
    person.edit(ours, {
      metadata: { ...ours.metadata, annotations },
      spec: { ...(ours['spec'] as object), selector: 'all()', order: 1 },
    });
  };
  for (const restart of [false, true]) {
    const { server } = await told({
      spec: { namespaces: [group] },
      tenant,
      change: () => undefined,
      restart,
    });
    const specs = [EVIL, VICTIM].map((namespace) => policiesIn(server, namespace)[0]?.['spec']);
    expect(specs[0]).toEqual(specs[1]);
  }
});

test('a rule with a problem keeps what we had written of it, after a restart and a change of the spec', async () => {
  const local = { name: 'more', pods: {}, from: [{ entity: 'SameNamespace' }], ports: [80] };
  const good = { ...team, isolation: 'Strict', ingress: [local] } as typeof team;
  const broken = {
    ...good,
    ingress: [{ ...local, from: [{ entity: 'SameNamespace' }, { peer: 'nobody' }] }],
  } as typeof team;
  const { server, others } = await told({
    spec: { namespaces: [good] },
    change: put({ namespaces: [broken] }),
    restart: true,
  });
  expect(policiesIn(server, VICTIM)).toHaveLength(1);
  expect(JSON.stringify(policiesIn(server, VICTIM))).toContain('default/team/ingress/more');
  expect(named(others).filter((each) => each.includes(VICTIM))).toEqual([]);
});

test('after a restart and a change of the spec, a bridge carries what we had written', async () => {
  const { writes } = await told({ change: elsewhere, restart: true });
  const bridges = writes.filter(({ method, path }) => method === 'PATCH' && path.includes('bridge-from'));
  expect(JSON.stringify(bridges)).toContain(`projectcalico.org/namespace == '${VICTIM}'`);
  expect(JSON.stringify(bridges)).toContain(`projectcalico.org/namespace == '${EVIL}'`);
});

test('a policy of ours that the tenant puts back after its removal holds up nothing', async () => {
  const server = tenantsCluster();
  const { rounds, writes } = watchedRounds(server);
  await (await rounds.start()).settle();
  const tenant = new Tenant(server);
  const [ours] = tenant.policies();
  if (ours === undefined) throw new Error('nothing of ours is there');
  const note = server.fault;
  server.fault = (request) => {
    // As soon as it is gone, it is there again.
    if (tenant.policies().length === 0) tenant.replay(ours);
    return note(request);
  };
  elsewhere(server);
  for (let round = 0; round < 60; round += 1) await rounds.roundWithin(1000);
  expect(named(writes).filter((each) => each.startsWith('DELETE') && each.includes('bridge'))).not.toEqual(
    [],
  );
  expect([...server.collection(POLICIES).objects().keys()].filter((each) => each.includes('bridge'))).toEqual(
    [],
  );
});

test('without a firewall called default, a forged policy of it does not freeze the others', async () => {
  const server = tenantsCluster();
  await remove(server, FIREWALLS, 'default');
  server.collection(FIREWALLS).delete('default');
  new Tenant(server).forge({ name: 'cfw-x', finalizers: STAYS });
  server.put(FIREWALLS, firewallObject({ namespaces: [team] }, 'other'));
  const { rounds } = watchedRounds(server);
  await (await rounds.start()).settle();
  expect(rounds.told.findings.get('other')).toMatchObject({ problems: [{ reason: 'NoDefaultFirewall' }] });
});

test('no text of a tenant gets into an object of ours', async () => {
  const tenant = (person: Tenant): void => {
    for (const ours of person.policies())
      person.edit(ours, { spec: { ...(ours['spec'] as object), selector: ESCAPE } });
  };
  const { writes } = await told({ tenant, change: elsewhere, restart: true });
  expect(writes.length).toBeGreaterThan(0);
  expect(JSON.stringify(writes)).not.toContain(MARK);
});

describe('Services and EndpointSlices of a tenant', () => {
  const toDatabase = {
    name: 'db',
    pods: {},
    to: [{ service: { namespace: EVIL, name: 'db' } }],
    ports: ['All'],
  };
  const spec = { namespaces: [team, { ...victims, egress: [toDatabase] }] } as Partial<Spec>;
  const service = (selector: object, ports: readonly object[] = [{ port: 80, targetPort: 5432 }]) => ({
    spec: { selector, ports },
  });
  const at = (tenant: (tenant: Tenant) => void, change: (tenant: Tenant) => void) =>
    told({
      spec,
      tenant,
      change: (server) => {
        change(new Tenant(server));
      },
    });
  const known = (tenant: Tenant): void => {
    tenant.serve('Service', 'db', service({ app: 'db' }));
  };

  test('change the rule that names the Service, and nothing else', async () => {
    const { others } = await at(known, (tenant) => {
      tenant.serve('Service', 'db', service({ app: 'other' }));
      tenant.serve('Service', 'kubernetes', service({ app: 'other' }));
    });
    expect(named(others).map((write) => write.replace(/-[0-9a-f]{6}(?:-[0-9a-f]{6})?$/, ''))).toEqual([
      expect.stringMatching(/^PATCH .*cfw-default-victims-egress-db-to-service-evil-db$/),
      expect.stringMatching(/^PATCH .*cfw-default-victims-egress-db$/),
    ]);
    expect(JSON.stringify(others)).toContain("projectcalico.org/namespace == 'evil'");
    expect(JSON.stringify(others)).not.toContain(MARK);
  });

  test('hold what the rule has, where the Service cannot be read, and no text of theirs is written', async () => {
    const { writes, rounds } = await at(known, (tenant) => {
      tenant.serve('Service', 'db', service({ [ESCAPE]: 'yes' }, [{ port: 80, targetPort: '1:65535' }]));
    });
    expect(named(writes)).toEqual([]);
    expect(rounds.told.findings.get('default')).toMatchObject({
      problems: [{ reason: 'UnreadableObject' }],
    });
  });

  test('open nothing by a slice, whatever it claims to be behind', async () => {
    const { writes } = await at(known, (tenant) => {
      const fields = { endpoints: [{ addresses: ['203.0.113.9'] }], ports: [{ port: 443 }] };
      tenant.serve('EndpointSlice', 'db', fields);
      tenant.serve('EndpointSlice', 'kubernetes', fields);
    });
    expect(named(writes)).toEqual([]);
  });
});
