import { expect, test } from '@jest/globals';
import type { KubernetesObject } from '../../cluster/resource.ts';
import { kindResource } from '../objects/kinds.ts';
import { calicoServer, namespaceObject, NAMESPACES } from '../testing/calico-server.ts';
import { allow, deny, set, storedObject } from '../testing/objects.ts';
import { wholePolicies } from './whole-policies.ts';

test("our policies in force are listed, of both kinds, and nobody else's", async () => {
  const server = calicoServer();
  server.put(NAMESPACES, namespaceObject('shop'));
  const ours = [deny({ name: 'deny' }), allow({ name: 'web', namespace: 'shop' })];
  for (const desired of [...ours, set({ name: 'office' })]) {
    const { kind, metadata } = desired.object;
    server.put(kindResource(kind, metadata.namespace), storedObject(desired));
  }
  const theirs = storedObject(allow({ name: 'theirs' }));
  server.put(kindResource('GlobalNetworkPolicy'), {
    ...theirs,
    metadata: { ...theirs.metadata, labels: {} },
  });
  const wrote = (kind: string, { metadata: { name } }: KubernetesObject): boolean =>
    kind === 'GlobalNetworkPolicy' || name === 'web';
  server.put(
    kindResource('NetworkPolicy', 'shop'),
    storedObject(allow({ name: 'forged', namespace: 'shop' })),
  );
  const found = await wholePolicies(server, { wrote }, new AbortController().signal);
  expect(found.map(({ kind, metadata, spec }) => [kind, metadata.name, spec])).toEqual(
    ours.map(({ object: { kind, metadata, spec } }) => [kind, metadata.name, spec]),
  );
});
