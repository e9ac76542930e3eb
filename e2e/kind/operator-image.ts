/** The operator's image: the repository's own Dockerfile, on Node and its libraries. */
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { bundle } from '../../hack/bundle.ts';
import { addNode } from '../gitops/image.ts';
import type { StartedKindCluster } from '../providers/kind/started-cluster.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const BASE = 'clusterfirewall-base:test';

/** Builds it in the cluster's engine, and loads it on the workers. `name` is the one of config/manager. */
export async function deliverOperatorImage(
  { docker, loadImage }: StartedKindCluster,
  name: string,
): Promise<void> {
  const work = await mkdtemp(path.join(os.tmpdir(), 'operator-image-'));
  try {
    const [base, context] = [path.join(work, 'base'), path.join(work, 'context')];
    await mkdir(path.join(base, 'tmp'), { recursive: true });
    await addNode(base);
    await docker.import(BASE, base, []);
    await bundle(ROOT, path.join(context, 'dist'));
    for (const file of ['Dockerfile', 'LICENSE', '.dockerignore']) {
      await copyFile(path.join(ROOT, file), path.join(context, file));
    }
    await docker.command(['build', '--quiet', '--build-arg', `BASE=${BASE}`, '--tag', name, context]);
    await loadImage(name);
  } finally {
    await rm(work, { recursive: true });
  }
}
