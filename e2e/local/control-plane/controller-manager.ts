import type { Api } from './api.ts';
import type { Binaries } from '../build/binaries.ts';
import { startChild } from '../process/child.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Run } from '../process/run.ts';
import { waitFor } from '../../wait.ts';

/**
 * Each controller has a ServiceAccount of its own, with the rights that Kubernetes gives it (RBAC, "Roles for
 * built-in controllers").
 */
const CREDENTIALS = '--use-service-account-credentials=true';
const READY_WITHIN = 180_000;

/** Resolves when the controllers run, or at once without any. */
export async function startControllerManager(
  run: Run,
  { namespace, controllerManagerKubeconfig: kubeconfig, api }: ControlPlane,
  binaries: Binaries,
  controllers: readonly string[],
): Promise<void> {
  if (controllers.length === 0) return;
  const manager = startChild(run, {
    name: 'kube-controller-manager',
    namespace,
    file: binaries.path('kube-controller-manager'),
    args: [
      `--kubeconfig=${kubeconfig}`,
      `--controllers=${controllers.join(',')}`,
      CREDENTIALS,
      '--leader-elect=false',
      '--secure-port=0',
    ],
  });
  await waitFor(async () => (await countAccounts(api)) >= controllers.length || undefined, {
    what: 'kube-controller-manager to have started its controllers',
    within: READY_WITHIN,
    abort: manager.failed,
    explain: () => manager.tail(),
  });
}

/** It creates them when it starts the controllers, and nothing else creates any there. */
async function countAccounts(api: Api): Promise<number> {
  const list = await api.get('/api/v1/namespaces/kube-system/serviceaccounts');
  return (list as { readonly items: readonly unknown[] }).items.length;
}
