/** The image of a node, with the images of everything that its pods run. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, cp, mkdir, mkdtemp, readFile, readdir, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Binaries, ProgramName } from '../../local/build/binaries.ts';
import { SYSTEM_PATH } from '../../local/process/prerequisites.ts';
import type { Docker } from './docker.ts';
import { writeImage, type Image } from './image-archive.ts';
import { copyPacketFilterTools } from './packet-filter-tools.ts';

const run = promisify(execFile);

export const KUBERNETES_VERSION = 'v1.35.4';
export const PAUSE_IMAGE = 'registry.k8s.io/pause:3.10.1';

interface ProgramImage {
  readonly program: ProgramName;
  readonly name: string;
  readonly on: 'all' | 'control-plane';
  /** True where the program calls iptables, nft and the like. */
  readonly filters?: boolean;
}

/**
 * The names of Kubernetes' images are those that kubeadm 1.35.4 asks for (`kubeadm config images list`). Those of
 * Calico are names of our own, which manifests/ uses.
 */
const IMAGES: readonly ProgramImage[] = [
  { program: 'pause', name: PAUSE_IMAGE, on: 'all' },
  { program: 'coredns', name: 'registry.k8s.io/coredns/coredns:v1.13.1', on: 'all' },
  {
    program: 'kube-proxy',
    name: `registry.k8s.io/kube-proxy:${KUBERNETES_VERSION}`,
    on: 'all',
    filters: true,
  },
  { program: 'calico-felix', name: 'clusterfirewall.test/felix:v3.31.0', on: 'all', filters: true },
  { program: 'calico-apiserver', name: 'clusterfirewall.test/calico-apiserver:v3.31.0', on: 'control-plane' },
  { program: 'etcd', name: 'registry.k8s.io/etcd:3.6.6-0', on: 'control-plane' },
  ...(['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const).map(
    (program): ProgramImage => ({
      program,
      name: `registry.k8s.io/${program}:${KUBERNETES_VERSION}`,
      on: 'control-plane',
    }),
  ),
];

/** Programs of the node itself, and their places. Calico's plugin goes by two names. */
const PROGRAMS: readonly (readonly [program: ProgramName, place: string])[] = [
  ['kubeadm', 'usr/bin/kubeadm'],
  ['kubelet', 'usr/bin/kubelet'],
  ['kubectl', 'usr/bin/kubectl'],
  ['cni-loopback', 'opt/cni/bin/loopback'],
  ['cni-portmap', 'opt/cni/bin/portmap'],
  ['calico-cni', 'opt/cni/bin/calico'],
  ['calico-cni', 'opt/cni/bin/calico-ipam'],
];

const FILES: readonly (readonly [file: string, place: string])[] = [
  ['entrypoint', 'usr/local/bin/entrypoint'],
  ['load-images', 'usr/local/bin/load-images'],
  ['containerd.toml', 'etc/containerd/config.toml'],
  ['journald.conf', 'etc/systemd/journald.conf.d/node.conf'],
  ['kubelet.service', 'etc/systemd/system/kubelet.service'],
  ['load-images.service', 'etc/systemd/system/load-images.service'],
];
const SERVICES = ['kubelet.service', 'load-images.service'];

/** Every program that a node needs. */
export const NODE_PROGRAMS: readonly ProgramName[] = [
  ...new Set([...IMAGES.map(({ program }) => program), ...PROGRAMS.map(([program]) => program)]),
];

const NAME = 'clusterfirewall-node';
const SOURCES = path.join(import.meta.dirname, 'node');

/** Its tag is a hash of everything that it is made from. */
export async function nodeImageName(root: string, binaries: Binaries): Promise<string> {
  const hash = createHash('sha256').update(path.basename(root));
  // The folders of programs have hashes in their names.
  for (const name of NODE_PROGRAMS) hash.update(binaries.path(name));
  const builders = ['node-image.ts', 'image-archive.ts', 'packet-filter-tools.ts'];
  const sources = [
    ...(await readdir(SOURCES)).sort().map((name) => path.join(SOURCES, name)),
    ...builders.map((name) => path.join(import.meta.dirname, name)),
  ];
  for (const file of sources) hash.update(await readFile(file));
  return `${NAME}:${hash.digest('hex').slice(0, 12)}`;
}

/** Builds it, and removes those of older sources. */
export async function buildNodeImage(
  docker: Docker,
  { name, root, binaries }: { readonly name: string; readonly root: string; readonly binaries: Binaries },
): Promise<void> {
  const old = await docker.command(['images', '--quiet', NAME]);
  for (const id of old.split('\n').filter(Boolean)) await docker.command(['rmi', id]);
  const work = await mkdtemp(path.join(os.tmpdir(), 'node-image-'));
  try {
    const node = path.join(work, 'node');
    await run('cp', ['--archive', root, node]);
    await writeImages(path.join(work, 'images'), path.join(node, 'node/images'), root, binaries);
    await writeFiles(node, binaries);
    await docker.import(name, node, [
      'ENV container=docker',
      'ENTRYPOINT ["/usr/local/bin/entrypoint"]',
      'CMD ["/sbin/init"]',
    ]);
  } finally {
    await rm(work, { recursive: true });
  }
}

async function writeImages(work: string, to: string, root: string, binaries: Binaries): Promise<void> {
  for (const { program, name, on, filters = false } of IMAGES) {
    const folder = path.join(work, program);
    await mkdir(folder, { recursive: true });
    if (filters) await copyPacketFilterTools(root, folder);
    const place = `/usr/local/bin/${program}`;
    await mkdir(path.join(folder, path.dirname(place)), { recursive: true });
    await copyFile(binaries.path(program), path.join(folder, place));
    const image: Image = {
      name,
      entrypoint: [place],
      env: [`PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`],
    };
    await writeImage(path.join(to, on, `${program}.tar`), image, folder);
    await rm(folder, { recursive: true });
  }
}

async function writeFiles(node: string, binaries: Binaries): Promise<void> {
  const files = [
    ...FILES.map(([file, place]) => [path.join(SOURCES, file), place] as const),
    ...PROGRAMS.map(([program, place]) => [binaries.path(program), place] as const),
  ];
  for (const [file, place] of files) {
    await mkdir(path.join(node, path.dirname(place)), { recursive: true });
    await cp(file, path.join(node, place));
  }
  const wants = path.join(node, 'etc/systemd/system/multi-user.target.wants');
  await mkdir(wants, { recursive: true });
  for (const service of SERVICES) await symlink(`../${service}`, path.join(wants, service));
  await mkdir(path.join(node, 'etc/cni/net.d'), { recursive: true });
  // `cp` keeps the modes of files, and Git keeps only whether they are executable.
  await run('chmod', ['-R', 'go-w', node], { env: { PATH: SYSTEM_PATH } });
}
