/** Other writers of a ClusterFirewall that Argo CD syncs server-side: the operator, and kubectl before it. */
import { expect, test } from '@jest/globals';
import { modifications, type KubernetesObject } from './argo.ts';
import { filledLists, firewall } from './specs.ts';
import { tracked, type GitOpsStage } from './stage.ts';

export function otherWriterTests(stageOf: () => GitOpsStage): void {
  const kubectlApplies = async (object: KubernetesObject, ...args: readonly string[]): Promise<void> => {
    const input = JSON.stringify(object);
    await stageOf().cluster.kubectl(['apply', '--filename=-', ...args], { input });
  };

  test('the operator owns no field that Argo CD applies, so Argo CD would not need force', async () => {
    await stageOf().settle(tracked(firewall()));
    expect(await ownedFields(stageOf())).toEqual({
      'argocd-controller': ['metadata.annotations', 'spec.mode'],
      clusterfirewall: ['metadata.finalizers'],
      'clusterfirewall-status': expect.arrayContaining(['status.conditions', 'status.observedGeneration']),
    });
    const changed = tracked(firewall({ mode: 'Observe', ...filledLists }));
    await kubectlApplies(changed, '--server-side', '--field-manager=argocd-controller');
  });

  test('a field that kubectl applied before goes once it is gone from Git', async () => {
    const wanted = tracked(firewall());
    await kubectlApplies(firewall(filledLists));
    await stageOf().settle(tracked(firewall(filledLists)));
    expect(await stageOf().settle(wanted)).toEqual(wanted.spec);
  });

  test('a field that kubectl applied server-side stays, without a difference, until kubectl drops it', async () => {
    const [filled, wanted] = [tracked(firewall(filledLists)), tracked(firewall())];
    await kubectlApplies(firewall(filledLists), '--server-side');
    await stageOf().settle(filled);
    expect(await stageOf().settle(wanted)).toEqual(filled.spec);
    expect(modifications(await stageOf().argo.judge([wanted]))).toEqual([]);
    const { apiVersion, kind, metadata } = firewall();
    await kubectlApplies({ apiVersion, kind, metadata }, '--server-side');
    expect(await stageOf().settle(wanted)).toEqual(wanted.spec);
  });
}

type Fields = Readonly<Record<string, Readonly<Record<string, object>>>>;

/** Fields by field manager, two levels deep. */
async function ownedFields({ cluster }: GitOpsStage): Promise<Readonly<Record<string, readonly string[]>>> {
  const output = ['--output=json', '--show-managed-fields'];
  const stored = JSON.parse(await cluster.kubectl(['get', 'clusterfirewall', 'default', ...output])) as {
    readonly metadata: {
      readonly managedFields: readonly { readonly manager: string; readonly fieldsV1: Fields }[];
    };
  };
  const name = (key: string): string => key.replace(/^f:/, '');
  return Object.fromEntries(
    stored.metadata.managedFields.map(({ manager, fieldsV1 }) => [
      manager,
      Object.entries(fieldsV1).flatMap(([part, fields]) =>
        Object.keys(fields).map((field) => `${name(part)}.${name(field)}`),
      ),
    ]),
  );
}
