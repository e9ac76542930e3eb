import { describe, expect, test } from '@jest/globals';
import { ApiError, TransportError } from '../../cluster/errors.ts';
import { mergePatch } from '../../cluster/objects/apply.ts';
import type { FakeApiServer } from '../../cluster/testing/fake-api-server.ts';
import type { KubernetesObject } from '../../cluster/resource.ts';
import { isRecord } from '../../json.ts';
import { kindResource } from '../objects/kinds.ts';
import { contentHash, desiredHash } from '../objects/content-hash.ts';
import { projectLive } from '../objects/live.ts';
import { applyStep, removeStep, type ApplyStep } from '../plan/step.ts';
import { calicoServer } from '../testing/calico-server.ts';
import { set } from '../testing/objects.ts';
import { judgeError, refusalOf, removeObject, writeFailure, writeObject } from './write.ts';

const SETS = kindResource('GlobalNetworkSet');
const office = set({ name: 'office', content: '198.51.100.0/24' });

/** The step that makes what is stored what is desired. */
function stepOn(server: FakeApiServer): ApplyStep {
  const stored = server.collection(SETS).objects().get('office');
  const live = stored === undefined ? undefined : projectLive('GlobalNetworkSet', new Set())(stored);
  return applyStep(office, live?.ours === true ? live : undefined);
}

const write = (server: FakeApiServer, step = stepOn(server)) => writeObject(server, step);
const stored = (server: FakeApiServer) => server.object(SETS, 'office');
const isAsDesired = (server: FakeApiServer): boolean =>
  contentHash(stored(server)) === desiredHash(office.object);
const fieldsOf = ({ spec }: KubernetesObject): object => (isRecord(spec) ? spec : {});
/** Additions of another client, such as kubectl makes. */
const add = (server: FakeApiServer, patch: Readonly<Record<string, unknown>>) =>
  mergePatch(server, SETS, 'office', patch, { fieldManager: 'kubectl' });

describe('writing an object', () => {
  test('creates it under our field manager', async () => {
    const server = calicoServer();
    await write(server);
    expect(isAsDesired(server)).toBe(true);
    expect(stored(server).metadata.managedFields).toMatchObject([
      { manager: 'clusterfirewall', operation: 'Apply' },
    ]);
  });

  test('leaves to somebody what he has made under the name meanwhile', async () => {
    const server = calicoServer();
    const step = stepOn(server);
    const theirs = {
      ...office.object,
      metadata: { name: 'office', annotations: { team: 'blue' } },
      spec: { nets: [] },
    };
    server.put(SETS, {
      ...theirs,
      metadata: { ...theirs.metadata, labels: { 'clusterfirewall.io/set': 'x' } },
    });
    await expect(write(server, step)).rejects.toMatchObject({ code: 409 });
    expect(stored(server)['spec']).toEqual({ nets: [] });
  });

  test('takes back what somebody has changed in it', async () => {
    const server = calicoServer();
    await write(server);
    await add(server, { metadata: { labels: { 'clusterfirewall.io/set': 'evil' } } });
    await write(server);
    expect(isAsDesired(server)).toBe(true);
  });

  test('does nothing to an object that was made anew under the name', async () => {
    const server = calicoServer();
    await write(server);
    await add(server, { spec: { nets: [] } });
    const step = stepOn(server);
    server.collection(SETS).delete('office');
    server.put(SETS, { ...office.object, spec: { nets: ['203.0.113.0/24'] } });
    await expect(write(server, step)).rejects.toMatchObject({ code: 422 });
    expect(stored(server)['spec']).toEqual({ nets: ['203.0.113.0/24'] });
  });

  describe('where an apply leaves additions of others in place', () => {
    const theirs = {
      metadata: {
        labels: { team: 'blue', 'clusterfirewall.io/more': 'evil' },
        annotations: { 'example.com/note': 'ours too', 'clusterfirewall.io/more': 'evil' },
        finalizers: ['example.com/keep'],
        ownerReferences: [{ kind: 'Team', name: 'blue', uid: 'u' }],
      },
      spec: { nets: ['198.51.100.0/24', '0.0.0.0/0'] },
    };

    test('replaces the object', async () => {
      const server = calicoServer();
      await write(server);
      await add(server, theirs);
      await write(server);
      expect(isAsDesired(server)).toBe(true);
    });

    test('keeps labels, annotations, finalizers and owners that are theirs to decide', async () => {
      const server = calicoServer();
      await write(server);
      await add(server, theirs);
      await write(server);
      const { labels, annotations, finalizers, ownerReferences } = stored(server).metadata;
      expect({ labels, annotations, finalizers, ownerReferences }).toEqual({
        labels: { ...office.object.metadata.labels, team: 'blue' },
        annotations: { ...office.object.metadata.annotations, 'example.com/note': 'ours too' },
        finalizers: ['example.com/keep'],
        ownerReferences: theirs.metadata.ownerReferences,
      });
    });

    test('drops a label by which Calico would take a set for something else', async () => {
      const server = calicoServer();
      await write(server);
      const labels = { 'projectcalico.org/created-by': 'x', 'pcns.team': 'x', team: 'blue' };
      await add(server, { ...theirs, metadata: { ...theirs.metadata, labels }, spec: {} });
      await write(server);
      expect(isAsDesired(server)).toBe(true);
      expect(stored(server).metadata.labels).toEqual({ ...office.object.metadata.labels, team: 'blue' });
    });

    test('replaces no object that has changed since it was read', async () => {
      const server = calicoServer();
      await write(server);
      await add(server, theirs);
      server.fault = async ({ method }) => {
        if (method === 'PUT') await add(server, { metadata: { labels: { team: 'red' } } });
        return undefined;
      };
      await expect(write(server)).rejects.toMatchObject({ code: 409, reason: 'Conflict' });
      expect(stored(server).metadata.labels).toMatchObject({ team: 'red' });
    });

    test('replaces what is invalid only together with them', async () => {
      const server = calicoServer();
      await write(server);
      await add(server, theirs);
      const invalid = new ApiError({ code: 422, message: 'preDNAT policy cannot have any egress rules' });
      server.fault = ({ contentType = '' }) =>
        contentType.startsWith('application/apply') ? invalid : undefined;
      await write(server);
      expect(isAsDesired(server)).toBe(true);
    });

    test('replaces no object that was made anew under the name', async () => {
      const server = calicoServer();
      await write(server);
      await add(server, theirs);
      server.fault = ({ method }) => {
        if (method !== 'GET') return undefined;
        server.collection(SETS).delete('office');
        server.put(SETS, { ...office.object, spec: { nets: ['203.0.113.0/24'] } });
        return undefined;
      };
      await expect(write(server)).rejects.toMatchObject({ code: 409 });
      expect(stored(server)['spec']).toEqual({ nets: ['203.0.113.0/24'] });
    });
  });

  describe('that the server alters', () => {
    const adding = (fields: object) => (object: KubernetesObject) => ({
      ...object,
      spec: { ...fieldsOf(object), ...fields },
    });

    test('names the fields, each time', async () => {
      const server = calicoServer();
      server.fill = adding({ someLaterField: 'its default', nets: ['0.0.0.0/0'] });
      const fields = ['spec.nets', 'spec.someLaterField'];
      expect((await write(server)).altered).toEqual(fields);
      expect((await write(server)).altered).toEqual(fields);
    });

    test('is as desired when the server has stopped', async () => {
      const server = calicoServer();
      server.fill = adding({ nets: ['0.0.0.0/0'] });
      await write(server);
      server.fill = (object) => object;
      const { altered, stored: answer } = await write(server);
      expect([altered, isAsDesired(server)]).toEqual([[], true]);
      expect(answer).toEqual(stored(server));
    });

    test('names nothing where a replacement is stored as it was sent', async () => {
      const server = calicoServer();
      server.fill = (object) =>
        server.requests.at(-1)?.method === 'PUT' ? object : adding({ later: 'x' })(object);
      expect((await write(server)).altered).toEqual([]);
      expect(isAsDesired(server)).toBe(true);
    });
  });
});

describe('removing an object', () => {
  test('takes it away whatever has changed in it, and says when there was none', async () => {
    const server = calicoServer();
    await write(server);
    const { live } = stepOn(server);
    if (live === undefined) throw new Error('not stored');
    await add(server, { spec: { nets: [] } });
    expect(await removeObject(server, removeStep(live))).toBe(true);
    expect(await removeObject(server, removeStep(live))).toBe(false);
  });

  test('leaves one that was made anew under the name', async () => {
    const server = calicoServer();
    await write(server);
    const { live } = stepOn(server);
    if (live === undefined) throw new Error('not stored');
    server.collection(SETS).delete('office');
    server.put(SETS, { ...office.object });
    await expect(removeObject(server, removeStep(live))).rejects.toMatchObject({ code: 409 });
    expect(stored(server)).toBeDefined();
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
    ['a method that is not allowed', error(405), 'Refused'],
    ['too large an object', error(413), 'Refused'],
    ['an unknown format', error(415), 'Refused'],
    [
      "Calico's own validation on create",
      error(500, "error with field Selector = 'all(' (Reason: failed)"),
      'Refused',
    ],
    [
      'an internal error that tells of an error',
      error(500, "there was an error with field Selector = 'all('"),
      'Transient',
    ],
    ['an overloaded server with such words', error(503, "error with field Selector = 'all('"), 'Transient'],
    ['another internal error', error(500, 'Internal error occurred'), 'Transient'],
    ['missing rights in a namespace', error(403, 'namespaces "shop" is forbidden'), 'Refused'],
    ['missing rights, with another cause', error(403, 'no', { causes: [{ reason: 'Other' }] }), 'Refused'],
    [
      'a conflict in a namespace on its way out',
      error(409, 'no', { causes: [{ reason: 'NamespaceTerminating' }] }),
      'Transient',
    ],
    ['an invalid field', error(422, 'no', { causes: [{ field: 'spec.selector' }] }), 'Refused'],
    [
      'a bad request that names the uid',
      error(400, 'no', { causes: [{ field: 'metadata.uid' }] }),
      'Refused',
    ],
    ['an error that is none of the API', new Error('error with field'), 'Transient'],
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

describe('a refusal names the folder that gives the right', () => {
  const user = 'User "system:serviceaccount:clusterfirewall-system:clusterfirewall"';
  const remedy = 'kubectl apply --server-side -k config/rbac gives this right';

  test.each([
    [
      'of RBAC',
      `tiers is forbidden: ${user} cannot create resource "tiers" in API group "p" at the cluster scope`,
    ],
    [
      "of Calico's API server",
      `x is forbidden: ${user} cannot patch globalnetworkpolicies in tier "security"`,
    ],
  ])('if it is %s', (_, message) => {
    const thrown = new ApiError({ code: 403, message });
    expect(refusalOf(thrown, 'config/rbac')).toBe(`${message}: ${remedy}`);
    expect(writeFailure(thrown, 'config/rbac')).toEqual({
      message: `${message}: ${remedy}`,
      isRefused: true,
    });
  });

  test.each([
    ['admission', new ApiError({ code: 403, message: 'admission webhook "a" denied the request: no' })],
    ['a policy', new ApiError({ code: 422, message: `${user} cannot have this` })],
    ['something else', new Error('no')],
  ])('and not if it is of %s', (_, thrown) => {
    expect(refusalOf(thrown, 'config/rbac')).toBe(thrown.message);
  });
});
