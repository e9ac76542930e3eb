import { describe, expect, test } from '@jest/globals';
import { ApiError, TransportError } from '../../cluster/errors.ts';
import { ScriptedTransport } from '../../cluster/testing/scripted-transport.ts';
import { objectId } from '../objects/kinds.ts';
import { desiredHash } from '../objects/content-hash.ts';
import type { ApplyStep } from '../plan/step.ts';
import { live, set, storedObject } from '../testing/objects.ts';
import { judgeError, ServerForms, writeObject } from './write.ts';

const office = set({ name: 'office', content: '198.51.100.0/24' });

function stepFor(stored?: ReturnType<typeof live>): ApplyStep {
  return {
    action: 'apply',
    id: objectId(office.object.kind, office.object.metadata),
    desired: office,
    desiredHash: desiredHash(office.object),
    live: stored?.ours === true ? stored : undefined,
  };
}

describe('writing an object', () => {
  test.each([
    ['one forced apply when the server stores what we sent', live(office), true],
    ['not forced where there is nothing yet: what somebody has made meanwhile is his', undefined, undefined],
  ])('is %s', async (_, stored, force) => {
    const transport = new ScriptedTransport({ ...storedObject(office) });
    await writeObject(transport, stepFor(stored), new ServerForms());
    expect(
      transport.requests.map(({ method, query }) => [method, query?.['force'], query?.['fieldManager']]),
    ).toEqual([['PATCH', force, 'clusterfirewall']]);
  });

  test("replaces what is invalid only together with somebody's additions, and only the object that was seen", async () => {
    const invalid = new ApiError({ code: 422, message: 'preDNAT policy cannot have any egress rules' });
    const anew = {
      ...storedObject(office, '8'),
      metadata: { ...storedObject(office, '8').metadata, uid: 'other' },
    };
    const transport = new ScriptedTransport(invalid, anew, { ...storedObject(office, '9') });
    await writeObject(transport, stepFor(live(office)), new ServerForms());
    expect(transport.requests.map(({ method }) => method)).toEqual(['PATCH', 'GET', 'PUT']);
    expect(transport.requests[2]?.body).toMatchObject({
      metadata: { uid: storedObject(office).metadata.uid, resourceVersion: '8' },
    });
  });

  test('demands that an object to be changed is still the one that was seen', async () => {
    const transport = new ScriptedTransport({ ...storedObject(office) });
    await writeObject(transport, stepFor(live(office)), new ServerForms());
    expect(transport.requests[0]?.body).toMatchObject({
      metadata: { uid: storedObject(office).metadata.uid },
    });
  });

  test('replaces what apply leaves in place, and keeps labels and finalizers of others', async () => {
    const stored = storedObject(office, '7');
    const theirs = {
      ...stored,
      metadata: {
        ...stored.metadata,
        labels: { ...stored.metadata.labels, team: 'blue', 'clusterfirewall.io/set': 'evil' },
        finalizers: ['example.com/keep'],
      },
      spec: { nets: ['198.51.100.0/24', '0.0.0.0/0'] },
    };
    const transport = new ScriptedTransport({ ...theirs }, { ...theirs }, { ...stored });
    const forms = new ServerForms();
    await writeObject(transport, stepFor(), forms);
    expect(transport.requests.map(({ method }) => method)).toEqual(['PATCH', 'GET', 'PUT']);
    expect(transport.requests[2]?.body).toMatchObject({
      metadata: {
        resourceVersion: '7',
        finalizers: ['example.com/keep'],
        labels: { team: 'blue', 'clusterfirewall.io/set': 'office' },
      },
      spec: { nets: ['198.51.100.0/24'] },
    });
  });

  test("takes what a server adds to a full replacement for the server's own, from then on", async () => {
    const stored = storedObject(office);
    const defaulted = { ...stored, spec: { nets: ['198.51.100.0/24'], someLaterField: 'its default' } };
    const transport = new ScriptedTransport(...Array.from({ length: 4 }, () => ({ ...defaulted })));
    const forms = new ServerForms();
    await writeObject(transport, stepFor(), forms);
    await writeObject(transport, stepFor(), forms);
    expect(transport.requests.map(({ method }) => method)).toEqual(['PATCH', 'GET', 'PUT', 'PATCH']);
  });
});

describe('an error of a write', () => {
  const error = (code: number, message = 'no', extra: object = {}): ApiError =>
    new ApiError({ code, message, ...extra });

  test.each([
    ['no answer', new TransportError('connection refused'), 'Transient'],
    ['a conflict', error(409), 'Transient'],
    ['too many requests', error(429), 'Transient'],
    ['an overloaded server', error(503), 'Transient'],
    [
      'a resource that is not served',
      error(404, 'the server could not find the requested resource'),
      'Transient',
    ],
    ['an invalid object', error(422), 'Refused'],
    ['missing rights', error(403), 'Refused'],
    ['a bad request', error(400), 'Refused'],
    [
      "Calico's own validation on create",
      error(500, "error with field Selector = 'all(' (Reason: failed)"),
      'Refused',
    ],
    ['another internal error', error(500, 'Internal error occurred'), 'Transient'],
    ['an absent namespace', error(404, 'namespaces "shop" not found'), 'NamespaceGone'],
    [
      'a namespace on its way out',
      error(403, 'no', { causes: [{ reason: 'NamespaceTerminating' }] }),
      'NamespaceGone',
    ],
    [
      'an object made anew by somebody else',
      error(422, 'no', { causes: [{ field: 'metadata.uid' }] }),
      'Transient',
    ],
  ])('%s', (_, thrown, judgement) => {
    expect(judgeError(thrown)).toBe(judgement);
  });
});
