/** Objects that a tenant may write, for the duration of a check. */
import { ownManifest, readManifest } from './story.ts';
import type { Stage } from '../harness/pods-stage.ts';

/** @param manifest a file of manifests/; `TENANT` in it stands for `namespace` */
export async function whileTenantHas(
  { cluster }: Stage,
  manifest: string,
  namespace: string,
  look: () => Promise<void>,
): Promise<void> {
  const input = (await readManifest(ownManifest(manifest))).replaceAll('TENANT', namespace);
  await cluster.kubectl(['apply', '--filename', '-'], { input });
  try {
    await cluster.policiesProgrammed();
    await look();
  } finally {
    await cluster.kubectl(['delete', '--filename', '-'], { input });
  }
}
