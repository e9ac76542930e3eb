/**
 * The health that Argo CD reports for a ClusterFirewall while the operator works, from
 * config/argocd/argocd-cm.yaml.
 */
import { expect, test } from '@jest/globals';
import type { KubernetesObject } from './argo.ts';
import { badRule, firewall, invalid } from './specs.ts';
import { tracked, type GitOpsStage } from './stage.ts';

/** The last test stops the operator and deletes the ClusterFirewall. */
export function healthTests(stageOf: () => GitOpsStage): void {
  const synced = async (spec: object): Promise<KubernetesObject> => {
    const wanted = tracked(firewall(spec));
    await stageOf().argo.sync([wanted]);
    return wanted;
  };

  test('enforced: healthy', async () => {
    expect(await stageOf().becomes(await synced({}), 'Healthy')).toBe('every rule is programmed');
  });

  test('observed: healthy, with a message', async () => {
    const wanted = await synced({ mode: 'Observe' });
    await stageOf().settle(wanted);
    expect(await stageOf().becomes(wanted, 'Healthy')).toBe(
      'Observed only, nothing is dropped: every rule is programmed',
    );
  });

  test('one bad rule: degraded, with the rule and its problem', async () => {
    expect(await stageOf().becomes(await synced(badRule), 'Degraded')).toMatch(
      /^UnknownPeer: default\/blog\/ingress\/web: peer "nobody" is not in spec\.peers/,
    );
  });

  test('an invalid spec: degraded, with the field', async () => {
    const said = await stageOf().becomes(await synced(invalid), 'Degraded');
    expect(said).toMatch(/^Invalid: spec\.namespaces\[0\]\.ingress\[0\]\.ports\[0\] /);
  });

  test('fixed: healthy again', async () => {
    await stageOf().becomes(await synced({}), 'Healthy');
  });

  test('opened by a policy of others: healthy all the same, with a message that begins with it', async () => {
    const { cluster } = stageOf();
    const theirs = {
      apiVersion: 'projectcalico.org/v3',
      kind: 'GlobalNetworkPolicy',
      metadata: { name: 'theirs' },
      spec: { selector: 'all()', types: ['Ingress'], ingress: [{ action: 'Allow' }] },
    };
    const input = JSON.stringify(theirs);
    await cluster.kubectl(['create', '--filename', '-'], { input });
    try {
      // A new spec is answered at once, so the test need not wait for the minute in which the status is held.
      const wanted = await synced({ peers: [{ name: 'office', cidrs: ['198.51.100.0/24'] }] });
      const isSaid = ['wait', '--for=condition=ForeignPolicies', '--timeout=90s'];
      await cluster.kubectl([...isSaid, 'clusterfirewall/default']);
      expect(await stageOf().becomes(wanted, 'Healthy')).toMatch(/^GlobalNetworkPolicy\/theirs /);
    } finally {
      await cluster.kubectl(['delete', '--filename', '-'], { input });
    }
  });

  test('a generation that the operator has not seen, and a deletion: progressing', async () => {
    await stageOf().stopOperator();
    const wanted = await synced({ mode: 'Observe' });
    expect(await stageOf().becomes(wanted, 'Progressing')).toBe('Waiting for the operator to look at it');
    await stageOf().cluster.kubectl(['delete', 'clusterfirewall', 'default', '--wait=false']);
    expect(await stageOf().becomes(wanted, 'Progressing')).toBe('Pending deletion');
  });
}
