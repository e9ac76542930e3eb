import type { Api } from './api.ts';
import type { Binaries } from '../build/binaries.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Run } from '../process/run.ts';
import { startSupervised } from '../process/supervised.ts';
import { waitFor } from '../../wait.ts';

const READY_WITHIN = 180_000;
const CONFIGURATION = '/apis/crd.projectcalico.org/v1/kubecontrollersconfigurations/default';

/**
 * Calico's kube-controllers with only the controller for nodes. Resolves when it has written the
 * configuration that it follows.
 */
export async function startCalicoControllers(
  run: Run,
  { namespace, innerKubeconfig, api }: ControlPlane,
  binaries: Binaries,
): Promise<void> {
  const { failed, tail } = startSupervised(run, {
    name: 'calico-kube-controllers',
    namespace,
    file: binaries.path('calico-kube-controllers'),
    env: {
      DATASTORE_TYPE: 'kubernetes',
      KUBECONFIG: innerKubeconfig,
      ENABLED_CONTROLLERS: 'node',
      HEALTH_ENABLED: 'false',
      LOG_LEVEL: 'info',
    },
  });
  await waitFor(() => isWritten(api), {
    what: "Calico's kube-controllers to run",
    within: READY_WITHIN,
    abort: failed,
    explain: tail,
  });
}

async function isWritten(api: Api): Promise<true> {
  await api.get(CONFIGURATION);
  return true;
}
