/** Writes container images as files, without a container engine. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Image {
  /** With its tag, as Pods name it. */
  readonly name: string;
  readonly entrypoint: readonly string[];
  readonly env?: readonly string[];
}

const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Everything belongs to root and has the same time, so the same content gives the same image. */
const REPRODUCIBLE = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];

/**
 * An image with one layer, which is a folder's content. The file has the form of `docker save` (Docker Image
 * Specification v1.2, "Combined Image JSON + Filesystem Changeset Format"), which `ctr images import` reads.
 */
export async function writeImage(file: string, image: Image, folder: string): Promise<void> {
  const work = await mkdtemp(path.join(os.tmpdir(), 'image-'));
  try {
    const layer = path.join(work, 'layer.tar');
    await run('tar', [...REPRODUCIBLE, '-C', folder, '-cf', layer, '.']);
    const config = {
      architecture: ARCHITECTURES[process.arch] ?? process.arch,
      os: 'linux',
      created: '1970-01-01T00:00:00Z',
      config: { Entrypoint: image.entrypoint, Env: image.env ?? [] },
      rootfs: { type: 'layers', diff_ids: [`sha256:${await sha256(layer)}`] },
    };
    const manifest = [{ Config: 'config.json', RepoTags: [image.name], Layers: ['layer.tar'] }];
    await writeFile(path.join(work, 'config.json'), JSON.stringify(config));
    await writeFile(path.join(work, 'manifest.json'), JSON.stringify(manifest));
    await mkdir(path.dirname(file), { recursive: true });
    await run('tar', ['-C', work, '-cf', file, 'manifest.json', 'config.json', 'layer.tar']);
  } finally {
    await rm(work, { recursive: true });
  }
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
