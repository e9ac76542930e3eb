import type { StartedCluster } from '../../cluster.ts';
import { waitFor } from '../../wait.ts';

type Settings = Readonly<Record<string, string>>;

/**
 * Changes FelixConfiguration `default` for a while. Felix ends and is restarted with it, so `look` is called
 * until it does not throw.
 */
export async function withFelixSettings(
  cluster: StartedCluster,
  { during, afterwards }: { readonly during: Settings; readonly afterwards: Settings },
  look: () => Promise<unknown>,
): Promise<void> {
  await patchFelix(cluster, during);
  try {
    await waitFor(() => look().then(() => true as const), {
      what: 'Felix to be started again with its new configuration',
      within: 30_000,
    });
  } finally {
    await patchFelix(cluster, afterwards);
  }
}

const patchFelix = (cluster: StartedCluster, spec: Settings): Promise<string> =>
  cluster.kubectl([
    ...['patch', 'felixconfiguration.projectcalico.org', 'default'],
    ...['--type=merge', '--patch', JSON.stringify({ spec })],
  ]);
