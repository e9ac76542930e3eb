/** The same objects, written by other means: bare requests, and kubectl. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { remove } from '../../src/cluster/objects/apply.ts';
import { forEachLimit } from '../../src/cluster/parallel.ts';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import { resourceOf, type Generated } from './generated.ts';
import type { Rig } from './rig.ts';

const run = promisify(execFile);

const SCRIPT = path.join(import.meta.dirname, 'bare-writes.ts');
const AT_ONCE = 16;

/** Copies with other names in their own tier, which the operator does not regard as its own. */
export function strangers(objects: readonly Generated[]): readonly Generated[] {
  return objects.map(({ kind, object }) => ({ kind, object: stranger(kind, object) }));
}

function stranger(kind: string, { apiVersion, metadata, ...rest }: KubernetesObject): KubernetesObject {
  const { name, namespace, annotations = {} } = metadata;
  const content = {
    apiVersion: apiVersion ?? '',
    kind,
    metadata: {
      name: name.replace(/cfw-|^clusterfirewall$/, (part) => (part === 'cfw-' ? 'bench-' : 'bench')),
      ...(namespace === undefined ? {} : { namespace }),
      labels: { 'app.kubernetes.io/managed-by': 'bench' },
      annotations: { 'clusterfirewall.io/rules': annotations['clusterfirewall.io/rules'] ?? '' },
    },
    spec: rest['spec'],
  };
  const text = JSON.stringify(content)
    .replaceAll('"tier":"clusterfirewall"', '"tier":"bench"')
    .replaceAll('"name":"clusterfirewall.', '"name":"bench.')
    .replaceAll('clusterfirewall.io/', 'bench.example.com/');
  return JSON.parse(text) as KubernetesObject;
}

/** Milliseconds for bare parallel requests, in a separate process. */
export async function bareWrites(rig: Rig, objects: readonly Generated[]): Promise<number> {
  const file = path.join(rig.cluster.workDir, 'bare.json');
  await writeFile(file, JSON.stringify(objects));
  const { stdout } = await run(process.execPath, [SCRIPT, rig.strangerKubeconfig, file, 'bench']);
  return Number(stdout);
}

/** Milliseconds for one `kubectl apply --server-side` of all of them. */
export async function kubectlApply(rig: Rig, objects: readonly Generated[]): Promise<number> {
  const input = JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: objects.map(({ object }) => object),
  });
  const began = performance.now();
  await rig.cluster.kubectl(['apply', '--server-side', '-f', '-'], { input });
  return performance.now() - began;
}

/** Tiers go last, because a tier with policies cannot be deleted. */
export async function removeAll(rig: Rig, objects: readonly Generated[]): Promise<void> {
  const tiers = objects.filter(({ kind }) => kind === 'Tier');
  const others = objects.filter(({ kind }) => kind !== 'Tier');
  for (const each of [others, tiers]) {
    await forEachLimit(each, AT_ONCE, async (one) => {
      await remove(rig.client, resourceOf(one), one.object.metadata.name);
    });
  }
}
