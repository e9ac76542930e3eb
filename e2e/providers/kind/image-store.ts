/**
 * The content of /var/lib/containerd on a machine that has loaded its images. Loading them costs more than
 * everything else at a machine's start. So one machine of each role does it once, and the others get links to
 * its files.
 */
import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { cacheRoot } from '../../local/build/binaries.ts';
import { NodeContainer } from './node-container.ts';

const run = promisify(execFile);

const ROLES = ['control-plane', 'worker'] as const;
export type Role = (typeof ROLES)[number];

/** containerd writes to these files. It only ever adds and removes all others. */
const DATABASES = [
  'io.containerd.metadata.v1.bolt/meta.db',
  'io.containerd.snapshotter.v1.overlayfs/metadata.db',
];

const stem = (image: string): string => image.replace(':', '-');
const storeOf = (image: string, role: Role): string => path.join(cacheRoot(), `${stem(image)}.${role}`);

/** True when machines of every role can start with their images. */
export async function hasStores(image: string): Promise<boolean> {
  const found = await Promise.all(ROLES.map((role) => isThere(storeOf(image, role))));
  return !found.includes(false);
}

/** Fills the missing ones, and removes those of older images. */
export async function prepareStores(image: string): Promise<void> {
  const others = (await readdir(cacheRoot())).filter(
    (name) => name.startsWith('clusterfirewall-node-') && !name.startsWith(stem(image)),
  );
  for (const name of others) await rm(path.join(cacheRoot(), name), { recursive: true });
  for (const role of ROLES) if (!(await isThere(storeOf(image, role)))) await fill(image, role);
}

async function fill(image: string, role: Role): Promise<void> {
  const draft = await mkdtemp(path.join(cacheRoot(), `${stem(image)}.`));
  try {
    const container = await new NodeContainer({ image, name: `fill-${role}`, containerd: draft })
      .withNetworkMode('none')
      .withCopyContentToContainer([{ content: role, target: '/node/role' }])
      .start();
    // It writes its databases when it ends.
    await container.exec(['systemctl', 'stop', 'containerd']);
    await container.stop({ timeout: 0, removeVolumes: true });
    await rename(draft, storeOf(image, role));
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** A machine's own folder, which did not exist. */
export async function linkStore(image: string, role: Role, folder: string): Promise<void> {
  const store = storeOf(image, role);
  await mkdir(path.dirname(folder), { recursive: true });
  // Links are impossible from one filesystem to another.
  await run('cp', ['--archive', '--link', store, folder]).catch(async () => {
    await rm(folder, { recursive: true, force: true });
    await run('cp', ['--archive', store, folder]);
  });
  for (const file of DATABASES) {
    await run('cp', ['--remove-destination', path.join(store, file), path.join(folder, file)]);
  }
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
