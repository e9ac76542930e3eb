/** An IPPool that cannot be read. Calico's API server would refuse it. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Status } from '../../src/api/status.ts';
import { firewall, isTrue, rule, type Rig } from './controller-harness.ts';
import { nodeQuestions, withNodes } from './nodes-harness.ts';

const pool = (cidr: string) => ({
  apiVersion: 'projectcalico.org/v3',
  kind: 'IPPool',
  metadata: { name: 'odd' },
  spec: { cidr, blockSize: 26, nodeSelector: 'all()' },
});
const { namespaces } = firewall({
  namespaces: [{ name: 'blog', namespaces: ['wordpress'], ingress: [rule('web')] }],
}).spec;

export const unreadablePool = (rig: () => Rig): void => {
  const { kubectl, enforced } = nodeQuestions(rig);

  describe('an IPPool with host bits', () => {
    const ofNodes = async (): Promise<readonly unknown[]> =>
      (await rig().generated())
        .filter(({ metadata }) => metadata.name.includes('cfw-default-nodes-'))
        .map(({ kind, metadata, spec }) => [kind, metadata.name, spec]);
    const problem = () =>
      rig().statusThat(
        ({ problems }) => problems?.some(({ reason }) => reason === 'UnreadableObject') === true,
        'UnreadableObject',
      );
    const pools = [pool('10.244.0.0/16'), pool('10.244.0.1/16')] as const;
    let before: readonly unknown[];

    beforeAll(async () => {
      await rig().apply(pools[0]);
      await rig().apply(withNodes());
      await enforced('2/2');
      await rig().ready();
      before = await ofNodes();
      await rig().apply(pools[1]);
    }, 60_000);
    afterAll(async () => {
      await kubectl('delete', '--ignore-not-found', 'ippools.projectcalico.org', 'odd');
      await rig().clear();
    }, 60_000);

    test('is named, and its former range stays out of every zone', async () => {
      const status = await problem();
      expect(status.problems?.[0]?.message).toContain('IPPool/odd (spec.cidr: 10.244.0.1/16 has host bits');
      expect(isTrue(status, 'Programmed')).toBe(true);
      expect(await ofNodes()).toEqual(before);
    });

    test('changes nothing at nodes after a restart, and everything else goes on', async () => {
      await rig().restart();
      await rig().apply({ ...withNodes(), spec: { ...withNodes().spec, namespaces } });
      const problemsOf = ({ problems = [] }: Status) =>
        problems.filter(({ severity }) => severity === 'problem');
      const status = await rig().statusThat((each) => problemsOf(each).length === 2, 'two problems');
      expect(problemsOf(status)).toMatchObject([{ path: 'spec' }, { path: 'spec.nodes' }]);
      expect(await ofNodes()).toEqual(before);
    });

    test('is no problem when it is mended', async () => {
      await rig().apply(pools[0]);
      await rig().ready();
    });
  });
};
