import { describe, expect, test } from '@jest/globals';
import { apply, create, get, list, listPage, mergePatch, projectPage, remove, replace } from './apply.ts';
import { ApiError } from '../errors.ts';
import type { KubernetesObject } from '../resource.ts';
import { ScriptedTransport } from '../testing/scripted-transport.ts';
import type { Transport } from '../http/transport.ts';

const POLICIES = { group: 'projectcalico.org', version: 'v3', plural: 'networkpolicies', namespace: 'shop' };
const PATH = '/apis/projectcalico.org/v3/namespaces/shop/networkpolicies';
const POLICY = {
  apiVersion: 'projectcalico.org/v3',
  kind: 'NetworkPolicy',
  metadata: { name: 'web', namespace: 'shop' },
};
const STORED = { ...POLICY, metadata: { ...POLICY.metadata, uid: 'u', resourceVersion: '5' } };

const status = (code: number, reason = '') => new ApiError({ code, reason, message: `HTTP ${String(code)}` });

describe('server-side apply', () => {
  test('sends the object as an apply patch of our field manager', async () => {
    const transport = new ScriptedTransport(STORED);
    expect(await apply(transport, POLICIES, POLICY, { force: true })).toEqual(STORED);
    expect(transport.requests).toEqual([
      {
        method: 'PATCH',
        path: `${PATH}/web`,
        query: { fieldManager: 'clusterfirewall', force: true },
        body: POLICY,
        contentType: 'application/apply-patch+yaml',
      },
    ]);
  });

  test('does not force unless asked to, and can apply a subresource', async () => {
    const transport = new ScriptedTransport(STORED);
    await apply(transport, POLICIES, POLICY, { subresource: 'status', fieldManager: 'other' });
    expect(transport.requests[0]).toMatchObject({ path: `${PATH}/web/status` });
    expect(transport.requests[0]?.query).toEqual({ fieldManager: 'other', force: undefined });
  });

  test('that is answered NotFound creates, then applies', async () => {
    const transport = new ScriptedTransport(status(404), STORED, STORED);
    expect(await apply(transport, POLICIES, POLICY, { force: true })).toEqual(STORED);
    expect(transport.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `PATCH ${PATH}/web`,
      `POST ${PATH}`,
      `PATCH ${PATH}/web`,
    ]);
    expect(transport.requests.every(({ query }) => query?.['fieldManager'] === 'clusterfirewall')).toBe(true);
  });

  test('answered NotFound because the namespace is missing says so', async () => {
    const transport = new ScriptedTransport(status(404), status(404, 'namespace'));
    await expect(apply(transport, POLICIES, POLICY)).rejects.toMatchObject({
      code: 404,
      reason: 'namespace',
    });
  });

  test('of a status never creates the object', async () => {
    const transport = new ScriptedTransport(status(404));
    await expect(apply(transport, POLICIES, POLICY, { subresource: 'status' })).rejects.toMatchObject({
      code: 404,
    });
  });

  test('passes a conflict on', async () => {
    const transport = new ScriptedTransport(status(409, 'Conflict'));
    await expect(apply(transport, POLICIES, POLICY)).rejects.toMatchObject({ reason: 'Conflict' });
  });
});

describe('other writes', () => {
  test('create posts, replace puts, mergePatch patches', async () => {
    const transport = new ScriptedTransport(STORED, STORED, STORED);
    await create(transport, POLICIES, POLICY);
    await replace(transport, POLICIES, POLICY, { subresource: 'status' });
    await mergePatch(transport, POLICIES, 'web', { metadata: { finalizers: [] } });
    expect(transport.requests.map(({ method, path, contentType }) => [method, path, contentType])).toEqual([
      ['POST', PATH, undefined],
      ['PUT', `${PATH}/web/status`, undefined],
      ['PATCH', `${PATH}/web`, 'application/merge-patch+json'],
    ]);
  });

  test('remove says whether the object was there, and passes preconditions on', async () => {
    const transport = new ScriptedTransport({}, status(404), status(409, 'Conflict'));
    expect(
      await remove(transport, POLICIES, 'web', { preconditions: { uid: 'u', resourceVersion: '7' } }),
    ).toBe(true);
    expect(await remove(transport, POLICIES, 'web')).toBe(false);
    await expect(remove(transport, POLICIES, 'web')).rejects.toMatchObject({ reason: 'Conflict' });
    expect(transport.requests[0]?.body).toMatchObject({
      kind: 'DeleteOptions',
      preconditions: { uid: 'u', resourceVersion: '7' },
    });
  });

  test('carry signal and timeout', async () => {
    const transport = new ScriptedTransport(STORED);
    const { signal } = new AbortController();
    await apply(transport, POLICIES, POLICY, { signal, timeoutMs: 5 });
    expect(transport.requests[0]).toMatchObject({ signal, timeoutMs: 5 });
  });

  test.each<[string, Readonly<Record<string, unknown>>]>([
    ['is no object', {}],
    ['has no uid', { metadata: { name: 'web', resourceVersion: '5' } }],
    ['has no version', { metadata: { name: 'web', uid: 'u', resourceVersion: '' } }],
  ])('an answer that %s is an error', async (_, body) => {
    await expect(create(new ScriptedTransport(body), POLICIES, POLICY)).rejects.toThrow(`POST ${PATH}`);
  });
});

describe('reads', () => {
  test('get gives undefined for what is not there', async () => {
    const transport = new ScriptedTransport(STORED, status(404), status(403));
    expect(await get(transport, POLICIES, 'web')).toEqual(STORED);
    expect(await get(transport, POLICIES, 'web')).toBeUndefined();
    await expect(get(transport, POLICIES, 'web')).rejects.toMatchObject({ code: 403 });
  });

  test('list follows the pages', async () => {
    const transport = new ScriptedTransport(
      { kind: 'PolicyList', metadata: { resourceVersion: '5', continue: 'more' }, items: [STORED] },
      { kind: 'PolicyList', metadata: { resourceVersion: '5', continue: '' }, items: [STORED] },
    );
    expect(await list(transport, POLICIES, { labelSelector: 'a=b' })).toEqual([STORED, STORED]);
    expect(transport.requests.map(({ query }) => query)).toMatchObject([
      { limit: 500, continue: undefined, labelSelector: 'a=b' },
      { limit: 500, continue: 'more', labelSelector: 'a=b' },
    ]);
  });

  test.each(['hands over items', 'answers with all of them'])(
    'a projection is kept of each complete object of a page, whether the transport %s',
    async (how) => {
      const bare = { metadata: { name: 'bare', namespace: 'shop', resourceVersion: '4' } };
      const page = { kind: 'PolicyList', metadata: { resourceVersion: '5' }, items: [bare, STORED] };
      const scripted = new ScriptedTransport(page, page);
      const reading: Transport = {
        stream: (request) => scripted.stream(request),
        async request(request) {
          const { item } = request;
          const response = await scripted.request(request);
          return how === 'hands over items'
            ? { ...response, body: { ...page, items: page.items.map((each) => item?.(each)) } }
            : response;
        },
      };
      const name = ({ metadata }: KubernetesObject): string => metadata.name;
      expect(await projectPage(reading, POLICIES, name)).toEqual({
        items: ['web'],
        incomplete: [
          expect.objectContaining({
            key: 'shop/bare',
            flaw: { field: 'metadata', why: 'has no uid or no resourceVersion' },
          }),
        ],
        resourceVersion: '5',
        next: undefined,
      });
      const refuse = (): never => {
        throw new Error('not mine');
      };
      await expect(projectPage(reading, POLICIES, refuse)).rejects.toThrow('not mine');
    },
  );

  test('a list that always has one page more is an error', async () => {
    const page = { kind: 'PolicyList', metadata: { resourceVersion: '5', continue: 'more' }, items: [] };
    const transport = new ScriptedTransport(...new Array<typeof page>(1001).fill(page));
    await expect(list(transport, POLICIES)).rejects.toThrow(`GET ${PATH} has more than 1000 pages`);
    expect(transport.requests).toHaveLength(1000);
  });

  test.each([
    ['labels', { labels: { a: { b: 'c' } } }],
    ['labels', { labels: ['a'] }],
    ['annotations', { annotations: { a: 1 } }],
    ['finalizers', { finalizers: 'x' }],
    ['managedFields', { managedFields: [1] }],
  ])('an object whose %s have another type is left out and named', async (field, metadata) => {
    const odd = { ...STORED, metadata: { ...STORED.metadata, name: 'odd', ...metadata } };
    const page = { kind: 'PolicyList', metadata: { resourceVersion: '5' }, items: [odd, STORED] };
    const { items, incomplete } = await listPage(new ScriptedTransport(page), POLICIES);
    expect(items).toEqual([STORED]);
    expect(incomplete).toMatchObject([{ key: 'shop/odd', flaw: { field: `metadata.${field}` } }]);
  });

  test('an empty list may come as null', async () => {
    expect(
      await list(new ScriptedTransport({ kind: 'PolicyList', metadata: {}, items: null }), POLICIES),
    ).toEqual([]);
  });

  test.each([
    '<html>',
    { metadata: { resourceVersion: '1' } },
    { metadata: { resourceVersion: '1' }, items: [] },
    { kind: 'Status', metadata: {}, items: null },
    { kind: 'PolicyList', metadata: {} },
    { kind: 'PolicyList', items: [{}] },
    { kind: 'PolicyList', items: 1 },
  ])('an answer that is no list is an error: %j', async (body) => {
    await expect(list(new ScriptedTransport(body), POLICIES)).rejects.toThrow(`GET ${PATH}`);
  });
});
