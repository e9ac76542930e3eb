/** The guards of config/, which harness/operator-process.ts installs with config/default. */
import type { StartedCluster } from '../cluster.ts';
import { waitFor } from '../wait.ts';
import { fromRoot } from './story.ts';

export interface Guard {
  /** A folder of config/. */
  readonly folder: string;
  /** Tries something that the guard refuses, without leaving anything. */
  readonly refuses: (cluster: StartedCluster) => Promise<boolean>;
}

/** The API server applies a policy, and drops it, a moment after it was written. */
export async function withoutGuard(
  cluster: StartedCluster,
  { folder, refuses }: Guard,
  look: () => Promise<void>,
): Promise<void> {
  const becomes = async (refused: boolean): Promise<void> => {
    await waitFor(async () => (await refuses(cluster)) === refused || undefined, {
      what: `${folder} to be ${refused ? 'in force' : 'gone'}`,
      within: 30_000,
    });
  };
  await cluster.kubectl(['delete', '--kustomize', fromRoot(`config/${folder}`)]);
  try {
    await becomes(false);
    await look();
  } finally {
    await cluster.kubectl(['apply', '--server-side', '--kustomize', fromRoot(`config/${folder}`)]);
    await becomes(true);
  }
}
