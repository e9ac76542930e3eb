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

  test('a generation that the operator has not seen, and a deletion: progressing', async () => {
    await stageOf().stopOperator();
    const wanted = await synced({ mode: 'Observe' });
    expect(await stageOf().becomes(wanted, 'Progressing')).toBe('Waiting for the operator to look at it');
    await stageOf().cluster.kubectl(['delete', 'clusterfirewall', 'default', '--wait=false']);
    expect(await stageOf().becomes(wanted, 'Progressing')).toBe('Pending deletion');
  });
}
