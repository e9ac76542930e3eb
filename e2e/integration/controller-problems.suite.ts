/** Problems of one rule, one object or one namespace, while everything else goes on. */
import { afterAll, describe, expect, test } from '@jest/globals';
import { conditionOf, eventually, firewall, isTrue, rule, type Rig } from './controller-harness.ts';

const withRules = (...rules: readonly object[]) =>
  firewall({ namespaces: [{ name: 'blog', namespaces: ['wordpress'], ingress: rules }] });

export const problems = (rig: () => Rig): void => {
  describe('problems', () => {
    /** Names and versions of the objects of one rule. */
    const objectsOf = async (name: string): Promise<Record<string, string | undefined>> =>
      Object.fromEntries(
        (await rig().generated())
          .filter(({ metadata }) =>
            metadata.annotations?.['clusterfirewall.io/rules']?.split(',').includes(name),
          )
          .map(({ kind, metadata }) => [`${String(kind)}/${metadata.name}`, metadata.resourceVersion]),
      );

    afterAll(() => rig().clear(), 60_000);

    describe('a rule with a problem', () => {
      const [web, api] = ['default/blog/ingress/web', 'default/blog/ingress/api'];

      test('keeps its objects, across a restart, while the others are programmed', async () => {
        await rig().apply(withRules(rule('web')));
        await rig().ready();
        const before = await objectsOf(web);
        expect(Object.keys(before)).not.toEqual([]);
        await rig().apply(withRules(rule('web', { peer: 'nobody' }), rule('api')));
        const status = await rig().statusThat(
          (each) => isTrue(each, 'PartiallyInvalid'),
          'partially invalid',
        );
        expect(status.problems).toMatchObject([
          { rule: web, reason: 'UnknownPeer', path: 'spec.namespaces[0].ingress[0].from[0].peer' },
        ]);
        expect(conditionOf(status, 'Programmed')).toMatchObject({ status: 'True' });
        expect(conditionOf(status, 'Stalled')).toMatchObject({ status: 'True', reason: 'UnknownPeer' });
        expect(Object.keys(await objectsOf(api))).not.toEqual([]);
        expect(await objectsOf(web)).toEqual(before);
        await rig().restart();
        await rig().apply(withRules(rule('web', { peer: 'nobody' })));
        await eventually(
          async () => Object.keys(await objectsOf(api)).length === 0,
          'the other rule to be removed',
        );
        expect(await objectsOf(web)).toEqual(before);
      });

      test('is programmed when it is fixed', async () => {
        await rig().apply(withRules(rule('web')));
        const status = await rig().ready();
        expect(conditionOf(status, 'PartiallyInvalid')).toBeUndefined();
        expect(status.problems).toBeUndefined();
      });
    });

    test('a rule over a bound keeps the objects it had, and the status has the number', async () => {
      await rig().apply(withRules(rule('web')));
      await rig().ready();
      const before = await objectsOf('default/blog/ingress/web');
      const block = (first: number) => ({
        ipBlock: {
          cidr: '::/0',
          except: Array.from({ length: 64 }, (_, i) => `${(1024 * i + 1).toString(16)}::${first + i}/128`),
        },
      });
      await rig().apply(withRules({ ...rule('web'), from: [1, 101, 201].map(block) }, rule('api')));
      const status = await rig().statusThat((each) => isTrue(each, 'PartiallyInvalid'), 'partially invalid');
      expect(status.problems).toMatchObject([
        { rule: 'default/blog/ingress/web', reason: 'TooLarge', message: expect.stringContaining('16384') },
      ]);
      expect(Object.keys(await objectsOf('default/blog/ingress/api'))).not.toEqual([]);
      expect(await objectsOf('default/blog/ingress/web')).toEqual(before);
    });

    test('an invalid spec changes no object', async () => {
      await rig().apply(withRules(rule('web')));
      await rig().ready();
      const before = (await rig().generated()).map(({ metadata }) => metadata.resourceVersion);
      await rig().apply(withRules({ ...rule('site'), ports: ['8000-80'] }));
      const status = await rig().statusThat(
        (each) => conditionOf(each, 'Accepted')?.status === 'False',
        'not accepted',
      );
      expect(conditionOf(status, 'Ready')?.reason).toBe('Invalid');
      expect(status.problems?.[0]?.path).toBe('spec.namespaces[0].ingress[0].ports[0]');
      expect((await rig().generated()).map(({ metadata }) => metadata.resourceVersion)).toEqual(before);
      await rig().apply(withRules(rule('web')));
      await rig().ready();
    });

    describe('an object that the API server refuses', () => {
      const policy = {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name: 'no-forbidden' },
        spec: {
          matchConstraints: {
            resourceRules: [
              {
                apiGroups: ['projectcalico.org'],
                apiVersions: ['*'],
                resources: ['*'],
                operations: ['CREATE', 'UPDATE'],
              },
            ],
          },
          validations: [
            {
              expression: "!object.metadata.name.contains('forbidden')",
              message: 'this name is not liked here',
            },
          ],
        },
      };
      const binding = {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata: { name: 'no-forbidden' },
        spec: { policyName: 'no-forbidden', validationActions: ['Deny'] },
      };

      test("is a problem of its rule with the API server's message, and the rest goes on", async () => {
        await rig().apply(policy, binding);
        await eventually(async () => {
          const probe = {
            apiVersion: 'projectcalico.org/v3',
            kind: 'Tier',
            metadata: { name: 'forbidden' },
            spec: {},
          };
          const attempt = rig().cluster.kubectl(['apply', '--server-side', '--dry-run=server', '-f', '-'], {
            input: JSON.stringify(probe),
          });
          return attempt.then(
            () => false,
            (error: unknown) => String(error).includes('not liked'),
          );
        }, 'the admission policy to be in force');
        await rig().apply(withRules(rule('web'), rule('forbidden'), rule('api')));
        const status = await rig().statusThat(
          (each) => conditionOf(each, 'Programmed')?.reason === 'Refused',
          'refused',
        );
        expect(status.problems).toContainEqual(
          expect.objectContaining({
            rule: 'default/blog/ingress/forbidden',
            path: 'spec.namespaces[0].ingress[1]',
            reason: 'Refused',
            message: expect.stringContaining('this name is not liked here'),
          }),
        );
        expect(Object.keys(await objectsOf('default/blog/ingress/api'))).not.toEqual([]);
        expect(Object.keys(await objectsOf('default/blog/ingress/forbidden'))).toEqual([]);
        await rig().apply(withRules(rule('web')));
        await rig().ready();
      });
    });

    test('a namespace that is being deleted gets no objects, and is no problem', async () => {
      const connections = [{ name: 'db', fromPods: {}, toPods: {}, ports: [3306] }];
      await rig().cluster.createNamespace('going', { shop: 'yes' });
      await rig().cluster.createNamespace('staying', { shop: 'yes' });
      // It stays in deletion, because there is no namespace controller.
      await rig().cluster.kubectl(['delete', 'namespace', 'going', '--wait=false']);
      await rig().apply(
        firewall({
          namespaces: [{ name: 'shops', namespaceSelector: { matchLabels: { shop: 'yes' } }, connections }],
        }),
      );
      await rig().ready();
      const namespaces = (await rig().generated())
        .map(({ metadata }) => metadata.namespace)
        .filter((name) => name !== undefined);
      expect(namespaces).toEqual(['staying']);
    });

    test('Observe stages the policies, and Enforce creates the enforced ones before the staged ones go', async () => {
      await rig().apply({
        ...withRules(rule('web')),
        spec: { ...withRules(rule('web')).spec, mode: 'Observe' },
      });
      const observed = await rig().ready();
      expect(observed.namespaces?.enforced).toBe(0);
      const kinds = async () => new Set((await rig().generated()).map(({ kind }) => kind));
      expect(await kinds()).toEqual(
        new Set(['Tier', 'GlobalNetworkSet', 'StagedGlobalNetworkPolicy', 'StagedNetworkPolicy']),
      );
      await rig().apply(withRules(rule('web')));
      await rig().ready();
      expect(await kinds()).toEqual(
        new Set(['Tier', 'GlobalNetworkSet', 'GlobalNetworkPolicy', 'NetworkPolicy']),
      );
    });
  });
};
