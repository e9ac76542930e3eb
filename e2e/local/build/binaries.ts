import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, chmod, cp, mkdtemp, mkdir, readFile, readdir, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { build, goEnvironment } from './go-build.ts';
import { withLock } from './lock.ts';
import { findCommand } from '../process/prerequisites.ts';

const run = promisify(execFile);

/**
 * Folders with a go.mod, from the folder of this file, and the programs of our own in them. The programs of a
 * container's node are in modules of their own, so they do not change the others' place in the cache.
 */
const MODULES = {
  kube: { folder: '../kube', own: [] },
  calico: { folder: '../calico', own: [] },
  // The same module: the text of its program does not change the place of Calico's own programs.
  'calico-flows': { folder: '../calico', own: ['flows/main.go'] },
  delivery: { folder: '../../delivery/programs', own: [] },
  krew: { folder: '../../delivery/krew', own: [] },
  'kind-kube': { folder: '../../providers/kind/programs/kube', own: [] },
  'kind-tools': {
    folder: '../../providers/kind/programs/tools',
    own: ['coredns/main.go', 'pause/main.go'],
  },
} as const satisfies Readonly<Record<string, { readonly folder: string; readonly own: readonly string[] }>>;

type Module = keyof typeof MODULES;

interface Program {
  readonly module: Module;
  readonly package: string;
}

const PROGRAMS = {
  etcd: { module: 'kube', package: 'go.etcd.io/etcd/server/v3' },
  'kube-apiserver': { module: 'kube', package: 'k8s.io/kubernetes/cmd/kube-apiserver' },
  'kube-controller-manager': { module: 'kube', package: 'k8s.io/kubernetes/cmd/kube-controller-manager' },
  'kube-proxy': { module: 'kube', package: 'k8s.io/kubernetes/cmd/kube-proxy' },
  kubectl: { module: 'kube', package: 'k8s.io/kubernetes/cmd/kubectl' },
  'calico-apiserver': {
    module: 'calico',
    package: 'github.com/projectcalico/calico/apiserver/cmd/apiserver',
  },
  'calico-cni': { module: 'calico', package: 'github.com/projectcalico/calico/cni-plugin/cmd/calico' },
  'calico-felix': { module: 'calico', package: 'github.com/projectcalico/calico/felix/cmd/calico-felix' },
  'calico-kube-controllers': {
    module: 'calico',
    package: 'github.com/projectcalico/calico/kube-controllers/cmd/kube-controllers',
  },
  'calico-flows': { module: 'calico-flows', package: './flows' },
  crane: { module: 'delivery', package: 'github.com/google/go-containerregistry/cmd/crane' },
  actionlint: { module: 'delivery', package: 'github.com/rhysd/actionlint/cmd/actionlint' },
  krew: { module: 'krew', package: 'sigs.k8s.io/krew/cmd/krew' },
  kubeadm: { module: 'kind-kube', package: 'k8s.io/kubernetes/cmd/kubeadm' },
  kubelet: { module: 'kind-kube', package: 'k8s.io/kubernetes/cmd/kubelet' },
  'kube-scheduler': { module: 'kind-kube', package: 'k8s.io/kubernetes/cmd/kube-scheduler' },
  coredns: { module: 'kind-tools', package: './coredns' },
  pause: { module: 'kind-tools', package: './pause' },
  'cni-loopback': {
    module: 'kind-tools',
    package: 'github.com/containernetworking/plugins/plugins/main/loopback',
  },
  'cni-portmap': {
    module: 'kind-tools',
    package: 'github.com/containernetworking/plugins/plugins/meta/portmap',
  },
} as const satisfies Readonly<Record<string, Program>>;

export type ProgramName = keyof typeof PROGRAMS;

/** The content of the cache after a build: files by program name, and Calico's own CRD manifests. */
export interface Binaries {
  readonly path: (name: ProgramName) => string;
  /** Folder with the `crd.projectcalico.org` CRDs of the Calico version that is built. */
  readonly calicoCrds: string;
}

interface CacheFolder {
  readonly module: Module;
  readonly dir: string;
}

const CRDS = 'crds';
const CALICO_MODULE = 'github.com/projectcalico/calico';

/** True when a program of `names` is not in the cache yet, so Go is needed. */
export async function needsBuild(names: readonly ProgramName[]): Promise<boolean> {
  const present = await Promise.all(names.map(async (name) => isFile(await programPath(name))));
  return present.includes(false) || !(await isFile(await crdPath()));
}

/**
 * Builds missing programs into the user's cache folder. Its key is go.mod, go.sum and Go's version, so other
 * clones reuse it. Progress goes to standard error.
 * @throws with Go's output when a build fails
 */
export async function prepareBinaries(names: readonly ProgramName[]): Promise<Binaries> {
  if (await needsBuild(names)) await withLock(path.join(cacheRoot(), 'lock'), () => buildMissing(names));
  const paths = new Map<ProgramName, string>();
  for (const name of names) paths.set(name, await programPath(name));
  return {
    path: (name) => {
      const file = paths.get(name);
      if (file === undefined) throw new Error(`${name} was not requested at the start of the cluster`);
      return file;
    },
    calicoCrds: await crdPath(),
  };
}

async function buildMissing(names: readonly ProgramName[]): Promise<void> {
  for (const module of Object.keys(MODULES) as Module[]) {
    const missing: ProgramName[] = [];
    for (const name of names) {
      if (PROGRAMS[name].module === module && !(await isFile(await programPath(name)))) missing.push(name);
    }
    if (missing.length > 0) await buildPrograms(await cacheFolder(module), missing);
  }
  if (!(await isFile(await crdPath()))) await copyCrds(await cacheFolder('calico'));
}

async function buildPrograms(folder: CacheFolder, names: readonly ProgramName[]): Promise<void> {
  await mkdir(folder.dir, { recursive: true });
  const draft = await mkdtemp(path.join(folder.dir, '.build-'));
  try {
    await build({
      sources: sources(folder.module),
      packages: names.map((name) => PROGRAMS[name].package),
      out: draft,
      what: names.join(', '),
    });
    for (const name of names) {
      await rename(path.join(draft, builtName(PROGRAMS[name].package)), path.join(folder.dir, name));
    }
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** `go mod download` finds the module in Go's own cache when Felix was built before. */
async function copyCrds(folder: CacheFolder): Promise<void> {
  const options = { cwd: sources('calico'), env: goEnvironment() };
  const { stdout } = await run(await go(), ['mod', 'download', '-json', CALICO_MODULE], options);
  const { Dir: moduleDir } = JSON.parse(stdout) as { readonly Dir: string };
  await mkdir(folder.dir, { recursive: true });
  const draft = await mkdtemp(path.join(folder.dir, '.crds-'));
  await cp(path.join(moduleDir, 'libcalico-go/config/crd'), draft, { recursive: true });
  await makeWritable(draft);
  await rename(draft, path.join(folder.dir, CRDS));
}

/** Go's module cache is read-only, and so is a copy of it. */
async function makeWritable(dir: string): Promise<void> {
  await chmod(dir, 0o755);
  for (const file of await readdir(dir)) await chmod(path.join(dir, file), 0o644);
}

/** Go names a program after the last element of its package's path that is no version. */
function builtName(packagePath: string): string {
  return path.basename(packagePath.replace(/\/v\d+$/, ''));
}

async function programPath(name: ProgramName): Promise<string> {
  return path.join((await cacheFolder(PROGRAMS[name].module)).dir, name);
}

async function crdPath(): Promise<string> {
  return path.join((await cacheFolder('calico')).dir, CRDS);
}

/** Without Go, any program that was built from the same sources is used. */
async function cacheFolder(module: Module): Promise<CacheFolder> {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum', ...MODULES[module].own]) {
    hash.update(await readFile(path.join(sources(module), file)));
  }
  const stem = `${module}-${hash.digest('hex').slice(0, 12)}-`;
  const version = await goVersion();
  const built = version === undefined ? await firstWithPrefix(cacheRoot(), stem) : `${stem}${version}`;
  return { module, dir: path.join(cacheRoot(), built ?? `${stem}none`) };
}

async function firstWithPrefix(dir: string, start: string): Promise<string | undefined> {
  const names = await readdir(dir).catch(() => []);
  return names.filter((name) => name.startsWith(start)).sort()[0];
}

async function goVersion(): Promise<string | undefined> {
  const file = await findCommand('go');
  if (file === undefined) return undefined;
  const { stdout } = await run(file, ['env', 'GOVERSION'], { cwd: sources('kube'), env: goEnvironment() });
  return stdout.trim();
}

async function go(): Promise<string> {
  return (await findCommand('go')) ?? 'go';
}

function sources(module: Module): string {
  return fileURLToPath(new URL(MODULES[module].folder, import.meta.url));
}

export function cacheRoot(): string {
  const base = process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache');
  return path.join(base, 'clusterfirewall');
}

async function isFile(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
