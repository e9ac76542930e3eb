import { describe, expect, test } from '@jest/globals';
import { ApiError } from '../../cluster/errors.ts';
import { recordingLogger } from '../../cluster/testing/logs.ts';
import { ManualClock } from '../../cluster/testing/manual-clock.ts';
import type { Transport, TransportRequest } from '../../cluster/http/transport.ts';
import { isRecord } from '../../json.ts';
import type { FailsafeGoal } from './failsafe-goal.ts';
import { readFailsafes } from '../observe/stored-failsafes.ts';
import { FailsafeKeeper, type FailsafeOutcome } from './failsafe-keeper.ts';
import { allow, nodeAllow, removal } from '../testing/objects.ts';

const SSH = { protocol: 'tcp', port: 22, net: '198.51.100.0/24' };
const API = { protocol: 'tcp', port: 6443, net: '198.51.100.0/24' };
const FORMER = 'clusterfirewall.io/former-failsafes';
const NARROW: FailsafeGoal = { to: 'narrow', failsafes: [SSH] };
const RESTORE: FailsafeGoal = { to: 'restore' };
const READY = { isReady: true, isMissing: false };

type Fields = Readonly<Record<string, unknown>>;

/** One FelixConfiguration, to which merge patches are applied as RFC 7386 has it. */
function server(spec: Fields) {
  let object: Fields | undefined = {
    apiVersion: 'projectcalico.org/v3',
    kind: 'FelixConfiguration',
    metadata: { name: 'default', uid: 'u', resourceVersion: '1' },
    spec,
  };
  let failure: Error | undefined;
  const state: { fills: Fields } = { fills: {} };
  const patches: TransportRequest[] = [];
  const merge = (target: unknown, patch: unknown): unknown => {
    if (!isRecord(patch)) return patch;
    const kept = isRecord(target) ? target : {};
    const merged = Object.entries(patch).map(([key, value]) => [key, merge(kept[key], value)] as const);
    const all = { ...kept, ...Object.fromEntries(merged) };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
  };
  const change = (patch: Fields): void => {
    object = merge(object, patch) as Fields;
  };
  const transport: Transport = {
    request(request) {
      if (request.method === 'PATCH') {
        if (failure !== undefined) return Promise.reject(failure);
        patches.push(request);
        change(request.body as Fields);
        change({ spec: state.fills });
      }
      if (object === undefined)
        return Promise.reject(new ApiError({ code: 404, reason: 'NotFound', message: 'gone' }));
      return Promise.resolve({ status: 200, headers: {}, body: object });
    },
    stream() {
      throw new Error('not a watch');
    },
  };
  return {
    transport,
    patches,
    change,
    set fills(fields: Fields) {
      state.fills = fields;
    },
    remove() {
      object = undefined;
    },
    fail(error: Error | undefined) {
      failure = error;
    },
    stored: () => readFailsafes(object as unknown as Parameters<typeof readFailsafes>[0]),
    get spec() {
      return object?.['spec'];
    },
    get annotations() {
      return (object?.['metadata'] as { readonly annotations?: unknown }).annotations;
    },
  };
}

function setup(spec: Fields = {}) {
  const felix = server(spec);
  const clock = new ManualClock();
  const told: string[] = [];
  const log = recordingLogger();
  /** As FailsafeKeeper, with what it tells in `told`. */
  const make = () => {
    const keeper = new FailsafeKeeper({ transport: felix.transport, clock, log });
    const listen = async (outcome: Promise<FailsafeOutcome>): Promise<Omit<FailsafeOutcome, 'event'>> => {
      const { event, ...rest } = await outcome;
      if (event !== undefined) told.push(`${event.reason}: ${event.note}`);
      return rest;
    };
    return {
      keeper,
      narrowIfSafe: (...args: Parameters<FailsafeKeeper['narrowIfSafe']>) =>
        listen(keeper.narrowIfSafe(...args)),
      restoreIfNeeded: (...args: Parameters<FailsafeKeeper['restoreIfNeeded']>) =>
        listen(keeper.restoreIfNeeded(...args)),
      isNarrowed: (stored: ReturnType<typeof readFailsafes>) => keeper.isNarrowed(stored),
    };
  };
  return { felix, clock, told, log, make, keeper: make() };
}
const reasons = (told: readonly string[]) => told.map((text) => text.split(':')[0]);

describe('failsafes are narrowed', () => {
  test('when everything else stands, and what was there is kept beside', async () => {
    const former = [{ port: 22, protocol: 'TCP' }];
    const { felix, told, keeper } = setup({ failsafeInboundHostPorts: former, bpfEnabled: false });
    expect(
      await keeper.narrowIfSafe(NARROW, felix.stored(), { isReady: false, isMissing: false }),
    ).toMatchObject({
      note: expect.stringContaining('when all selected nodes'),
    });
    expect(felix.patches).toEqual([]);
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    expect(felix.spec).toEqual({ failsafeInboundHostPorts: [SSH], bpfEnabled: false });
    expect(felix.annotations).toMatchObject({ [FORMER]: JSON.stringify(former) });
    expect(reasons(told)).toEqual(['FailsafesNarrowed']);
    expect(felix.patches[0]?.body).toMatchObject({ metadata: { resourceVersion: '1' } });
  });

  test('once, and again when what is wanted changes; the first value is the one that is kept', async () => {
    const { felix, make } = setup();
    await make().narrowIfSafe(NARROW, felix.stored(), READY);
    await make().narrowIfSafe(NARROW, felix.stored(), READY);
    expect(felix.patches).toHaveLength(1);
    await make().narrowIfSafe({ to: 'narrow', failsafes: [SSH, API] }, felix.stored(), READY);
    expect(felix.spec).toEqual({ failsafeInboundHostPorts: [SSH, API] });
    expect(felix.annotations).toMatchObject({ [FORMER]: 'null' });
  });

  test('and the event names fields that the server has filled in', async () => {
    const { felix, told, keeper } = setup();
    felix.fills = { floatingIPs: 'Disabled' };
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    expect(told.join()).toContain('floatingIPs');
  });

  test('not while somebody else says something else, who is told of once', async () => {
    const { felix, told, keeper, make } = setup();
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    felix.change({ spec: { failsafeInboundHostPorts: [API] } });
    for (let round = 0; round < 3; round++) await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    const { note } = await make().narrowIfSafe(NARROW, felix.stored(), READY);
    expect(note).toContain('another client has changed');
    expect(felix.spec).toEqual({ failsafeInboundHostPorts: [API] });
    expect(reasons(told)).toEqual(['FailsafesNarrowed', 'FailsafesChanged', 'FailsafesChanged']);
  });

  test('not against somebody who replaces the whole object again and again', async () => {
    const { felix, keeper } = setup();
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    felix.change({ metadata: { annotations: null }, spec: { failsafeInboundHostPorts: null } });
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    expect(felix.spec).toEqual({});
  });

  test('not where there is nothing to narrow them in, and not in silence where it is refused', async () => {
    const { felix, keeper } = setup();
    felix.fail(new ApiError({ code: 403, reason: 'Forbidden', message: 'may not patch' }));
    expect(await keeper.narrowIfSafe(NARROW, felix.stored(), READY)).toEqual({
      note: expect.stringContaining('may not patch'),
      failure: { message: 'may not patch', isRefused: true },
    });
    felix.transport.request = () =>
      Promise.reject(new ApiError({ code: 404, reason: 'NotFound', message: '' }));
    expect((await keeper.narrowIfSafe(NARROW, undefined, READY)).note).toContain(
      'there is no FelixConfiguration',
    );
  });
});

describe('failsafes are given back', () => {
  test.each<[string, Fields]>([
    ['as they were', { failsafeInboundHostPorts: [{ port: 22, protocol: 'TCP' }] }],
    ['as none', { failsafeInboundHostPorts: [] }],
    ['to Felix’s own', {}],
  ])('%s, and nothing of ours stays', async (_, spec) => {
    const { felix, told, keeper, make } = setup(spec);
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    expect(make().isNarrowed(felix.stored())).toBe(true);
    await make().restoreIfNeeded(RESTORE, felix.stored());
    expect(felix.spec).toEqual(spec);
    expect(felix.annotations).toEqual({});
    expect(make().isNarrowed(felix.stored())).toBe(false);
    expect(reasons(told)).toEqual(['FailsafesNarrowed', 'FailsafesRestored']);
  });

  test('before anything of nodes changes; rules of pods do not wait', async () => {
    const { felix, clock, keeper } = setup();
    const [ofNodes, ofPods] = [removal(nodeAllow({ name: 'zone' })), removal(allow({ name: 'web' }))];
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    felix.fail(new ApiError({ code: 503, message: 'down' }));
    expect(await keeper.restoreIfNeeded(RESTORE, felix.stored())).toMatchObject({
      failure: { isRefused: false },
    });
    expect([keeper.keeper.defers(ofNodes), keeper.keeper.defers(ofPods)]).toEqual([true, false]);
    felix.fail(undefined);
    await keeper.restoreIfNeeded(RESTORE, felix.stored());
    expect(keeper.keeper.defers(ofNodes)).toBe(true);
    await clock.advance(1000);
    expect(keeper.keeper.defers(ofNodes)).toBe(false);
  });

  test('or else hold up nothing, where that is refused', async () => {
    const { felix, keeper } = setup();
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    felix.fail(new ApiError({ code: 403, reason: 'Forbidden', message: 'may not patch' }));
    expect(await keeper.restoreIfNeeded(RESTORE, felix.stored())).toMatchObject({
      failure: { isRefused: true },
    });
    expect(keeper.keeper.mustSettle).toBe(false);
    expect(keeper.isNarrowed(felix.stored())).toBe(true);
  });

  test('when something that lets in cannot be written, until it can', async () => {
    const { felix, keeper } = setup();
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    await keeper.narrowIfSafe(NARROW, felix.stored(), { isReady: false, isMissing: true });
    expect(felix.spec).toEqual({});
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    expect(felix.spec).toEqual({ failsafeInboundHostPorts: [SSH] });
  });

  test('not where somebody has changed them: what he wrote stays, without our annotations', async () => {
    const { felix, told, keeper } = setup({ failsafeInboundHostPorts: [] });
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    felix.change({ spec: { failsafeInboundHostPorts: [API] } });
    await keeper.restoreIfNeeded(RESTORE, felix.stored());
    expect(felix.spec).toEqual({ failsafeInboundHostPorts: [API] });
    expect(felix.annotations).toEqual({});
    expect(told.at(-1)).toContain('[]');
  });

  test('not at all where they never were narrowed', async () => {
    const { felix, keeper } = setup();
    await keeper.restoreIfNeeded(RESTORE, felix.stored());
    expect([felix.patches, keeper.keeper.mustSettle]).toEqual([[], false]);
  });
});

describe('the FelixConfiguration', () => {
  const unreachable = () => Promise.reject(new ApiError({ code: 503, message: 'down' }));
  const NOT_READY = { isReady: false, isMissing: false };
  const MISSING = { isReady: true, isMissing: true };

  test('is the one called default', async () => {
    const { felix, keeper } = setup();
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    expect(felix.patches.map(({ path }) => path)).toEqual([
      expect.stringMatching(/^\/apis\/projectcalico\.org\/v3\/felixconfigurations\/default(\?|$)/),
    ]);
  });

  test('is narrowed while anything of ours is in it', async () => {
    const { felix, keeper, make } = setup();
    const bare = felix.stored();
    expect(keeper.keeper.isNarrowed(undefined)).toBe(false);
    expect(keeper.isNarrowed(bare)).toBe(false);
    expect(keeper.isNarrowed({ ...bare, former: 'null' })).toBe(true);
    expect(keeper.isNarrowed({ ...bare, written: 'tag' })).toBe(true);
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    expect([keeper, make()].map((each) => each.isNarrowed(bare))).toEqual([true, false]);
    expect(keeper.keeper.isNarrowed(undefined)).toBe(true);
  });

  test('is not asked for where nothing is to be done', async () => {
    const { felix, keeper } = setup({ failsafeInboundHostPorts: [] });
    felix.transport.request = unreachable;
    const stored = felix.stored();
    expect(keeper.keeper.mustSettle).toBe(false);
    expect(await keeper.restoreIfNeeded(RESTORE, stored)).toEqual({});
    expect(await keeper.restoreIfNeeded(NARROW, { ...stored, former: 'null' })).toEqual({});
    expect(await keeper.narrowIfSafe({ to: 'keep' }, stored, READY)).toStrictEqual({});
    expect(await keeper.narrowIfSafe({ to: 'keep', because: 'a reason' }, stored, READY)).toEqual({
      note: 'a reason',
    });
    expect(await keeper.narrowIfSafe(NARROW, stored, NOT_READY)).toEqual({
      note: 'nodes.failsafes: Managed narrows them when all selected nodes are enforced',
    });
    expect(await keeper.narrowIfSafe(NARROW, stored, MISSING)).toEqual({
      note: 'nodes.failsafes: Managed narrows them when all selected nodes are enforced, and something that lets in at nodes cannot be written: see status.problems',
    });
  });

  test('that says what is wanted is outranked, also where the watch does not show it yet', async () => {
    const { felix, keeper, make } = setup();
    const before = felix.stored();
    const { note } = await keeper.narrowIfSafe(NARROW, before, READY);
    expect(note).toBe('they have just been narrowed');
    const outranked = expect.stringContaining(
      'FelixConfiguration/default is narrowed, and a FelixConfiguration of',
    );
    for (const each of [keeper, make()])
      for (const stored of [felix.stored(), before, undefined])
        expect(await each.narrowIfSafe(NARROW, stored, READY)).toEqual({ note: outranked });
    expect(await keeper.narrowIfSafe(NARROW, felix.stored(), NOT_READY)).toEqual({ note: outranked });
    expect(felix.patches).toHaveLength(1);
  });

  test('that somebody has changed is told of at each change, not at each round', async () => {
    const { felix, told, keeper } = setup();
    const change = (value: unknown): void => {
      felix.change({ spec: { failsafeInboundHostPorts: value } });
    };
    const before = felix.stored();
    await keeper.narrowIfSafe(NARROW, before, READY);
    change([API]);
    for (const stored of [before, before, felix.stored()])
      expect((await keeper.narrowIfSafe(NARROW, stored, READY)).note).toContain('another client has changed');
    expect((await keeper.narrowIfSafe(NARROW, felix.stored(), NOT_READY)).note).toContain(
      'another client has changed',
    );
    expect(reasons(told)).toEqual(['FailsafesNarrowed', 'FailsafesChanged']);
    // Put back, narrowed to something else, and changed again.
    change([SSH]);
    await keeper.narrowIfSafe({ to: 'narrow', failsafes: [API, SSH] }, felix.stored(), READY);
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    change([API]);
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    expect(reasons(told).slice(2)).toEqual(['FailsafesNarrowed', 'FailsafesNarrowed', 'FailsafesChanged']);
  });

  test('that somebody has replaced is narrowed again after Report and Managed', async () => {
    const { felix, keeper } = setup();
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    felix.change({ metadata: { annotations: null }, spec: { failsafeInboundHostPorts: [API] } });
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    expect(felix.spec).toEqual({ failsafeInboundHostPorts: [API] });
    await keeper.restoreIfNeeded(RESTORE, felix.stored());
    expect(felix.spec).toEqual({ failsafeInboundHostPorts: [API] });
    expect(felix.patches).toHaveLength(1);
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    expect(felix.spec).toEqual({ failsafeInboundHostPorts: [SSH] });
  });

  test('of which somebody has taken an annotation of ours loses the other one too', async () => {
    const [former, written] = [FORMER, 'clusterfirewall.io/failsafes'];
    for (const [gone, value, spec, last] of [
      [written, [SSH], { failsafeInboundHostPorts: [SSH] }, 'before it was narrowed: []'],
      [former, [SSH], {}, "is at Felix's defaults again"],
      [former, [API], { failsafeInboundHostPorts: [API] }, 'before it was narrowed: not known'],
    ] as const) {
      const { felix, told, keeper, make } = setup({ failsafeInboundHostPorts: [] });
      await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
      felix.change({
        metadata: { annotations: { [gone]: null } },
        spec: { failsafeInboundHostPorts: value },
      });
      await make().restoreIfNeeded(RESTORE, felix.stored());
      expect(felix.annotations).toEqual({});
      expect(felix.spec).toEqual(spec);
      expect(told.at(-1)).toContain(last);
    }
  });

  test('may have no spec', async () => {
    const { felix, told, keeper } = setup();
    felix.change({ spec: null });
    felix.fills = { floatingIPs: 'Disabled' };
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    expect(felix.spec).toEqual({ failsafeInboundHostPorts: [SSH], floatingIPs: 'Disabled' });
    expect(told.join()).toContain('has filled in floatingIPs with');
  });

  test('holds up nodes only while it is to be given back', async () => {
    const { felix, keeper } = setup();
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    felix.fail(new ApiError({ code: 503, message: 'down' }));
    await keeper.restoreIfNeeded(RESTORE, felix.stored());
    expect(keeper.keeper.mustSettle).toBe(true);
    await keeper.restoreIfNeeded(NARROW, felix.stored());
    expect(keeper.keeper.mustSettle).toBe(false);
  });

  test('that has gone has nothing to give back', async () => {
    const { felix, told, keeper } = setup();
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    felix.remove();
    expect(await keeper.keeper.restoreIfNeeded(RESTORE, undefined)).toStrictEqual({});
    expect(keeper.keeper.isNarrowed(undefined)).toBe(false);
    expect(reasons(told)).toEqual(['FailsafesNarrowed']);
  });

  test('whose former value cannot be read goes to the defaults of Felix', async () => {
    const { felix, told, keeper } = setup({ failsafeInboundHostPorts: [API] });
    await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
    felix.change({ metadata: { annotations: { [FORMER]: 'no JSON' } } });
    await keeper.restoreIfNeeded(RESTORE, felix.stored());
    expect(felix.spec).toEqual({});
    expect(told.at(-1)).toContain("is at Felix's defaults again, for the annotation");
  });
});

test('events say what was changed, and warn of what others have changed', async () => {
  const { felix, log, keeper: wrapped } = setup({ bpfEnabled: false });
  const { keeper } = wrapped;
  felix.fills = { floatingIPs: 'Disabled' };
  const kept = `what was there is kept in the annotation ${FORMER}. Felix restarts on every node to take it. Name a machine in nodes.etcd before it joins as control plane or as a member of etcd`;
  const filled = "Calico's API server has filled in floatingIPs with their defaults, which stay";
  const field = 'failsafeInboundHostPorts of FelixConfiguration/default';
  expect((await keeper.narrowIfSafe(NARROW, felix.stored(), READY)).event).toEqual({
    type: 'Normal',
    reason: 'FailsafesNarrowed',
    action: 'Failsafes',
    note: `${field} is narrowed to breakGlass and nodeCIDRs; ${kept}. ${filled}`,
  });
  const fields = { object: 'FelixConfiguration/default', reason: 'FailsafesNarrowed' };
  expect(log.lines).toEqual([{ level: 'info', message: 'failsafes', fields }]);
  expect((await keeper.restoreIfNeeded(RESTORE, felix.stored())).event).toEqual({
    type: 'Normal',
    reason: 'FailsafesRestored',
    action: 'Failsafes',
    note: `${field} is again what it was before it was narrowed. Felix restarts on every node to take it`,
  });
  const again = await keeper.narrowIfSafe(NARROW, felix.stored(), READY);
  expect(again.event?.note).toBe(`${field} is narrowed to breakGlass and nodeCIDRs; ${kept}`);
  felix.change({ spec: { failsafeInboundHostPorts: [API] } });
  expect((await keeper.narrowIfSafe(NARROW, felix.stored(), READY)).event).toEqual({
    type: 'Warning',
    reason: 'FailsafesChanged',
    action: 'Failsafes',
    note: `another client has changed ${field} since it was narrowed; the operator leaves it alone`,
  });
  expect((await keeper.restoreIfNeeded(RESTORE, felix.stored())).event).toEqual({
    type: 'Warning',
    reason: 'FailsafesChanged',
    action: 'Failsafes',
    note: `another client has changed ${field}, so it stays; the value before it was narrowed: null`,
  });
});
