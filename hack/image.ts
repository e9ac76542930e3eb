/**
 * Builds the container image without an engine and without another image: Node from npm, and the libraries
 * that it loads from Debian. buildah puts it together and executes nothing of it. The same source, packages
 * and Debian release give the same digest.
 *
 *     node hack/image.ts [PLATFORM,…]    linux/amd64 and linux/arm64; default: this machine's
 *
 * It leaves `dist/image.tar`, an OCI archive for `skopeo copy`, `podman load`, `ctr images import` and
 * `kind load image-archive`, and a bill of materials for each platform.
 */
import { execFile } from 'node:child_process';
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  realpath,
  rm,
  utimes,
  writeFile,
} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { bundle, type BundledPackage } from './bundle.ts';
import { nodePackage } from './node-package.ts';
import { sbom, type DebianPackage } from './sbom.ts';

const run = promisify(execFile);
const ROOT = path.resolve(import.meta.dirname, '..');

interface Platform {
  /** Debian's and OCI's name. */
  readonly architecture: 'amd64' | 'arm64';
  /** Node's name. */
  readonly node: 'x64' | 'arm64';
  /** The folder of its libraries. */
  readonly triplet: string;
  readonly loader: string;
}

const PLATFORMS: Readonly<Record<string, Platform>> = {
  'linux/amd64': {
    architecture: 'amd64',
    node: 'x64',
    triplet: 'x86_64-linux-gnu',
    loader: 'lib64/ld-linux-x86-64.so.2',
  },
  'linux/arm64': {
    architecture: 'arm64',
    node: 'arm64',
    triplet: 'aarch64-linux-gnu',
    loader: 'lib/ld-linux-aarch64.so.1',
  },
};

/** `ldd` of Node names the first seven. glibc loads the others when it resolves names. */
const LIBRARIES = [
  'libc.so.6',
  'libm.so.6',
  'libdl.so.2',
  'libpthread.so.0',
  'librt.so.1',
  'libgcc_s.so.1',
  'libstdc++.so.6',
  'libresolv.so.2',
  'libnss_dns.so.2',
  'libnss_files.so.2',
];
const DEBIAN = ['libc6', 'libgcc-s1', 'libstdc++6'];
const USER = 65532;

const BASE_FILE = `FROM scratch
COPY . /
ENV PATH=/usr/local/bin
USER ${USER}:${USER}
`;

/** Where the image is, and the digest of its manifest or index. */
export interface BuiltImage {
  readonly archive: string;
  readonly digest: string;
}

/**
 * @param platforms keys of PLATFORMS, at least one
 * @param folder receives the archive and the bills of materials
 * @throws Error where buildah, skopeo or apt-get are missing, or for an unknown platform
 */
export async function buildImage(platforms: readonly string[], folder: string): Promise<BuiltImage> {
  const work = await mkdtemp(path.join(os.tmpdir(), 'image-'));
  try {
    return await build(platforms.map(platformOf), folder, work);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function platformOf(name: string): Platform {
  const platform = PLATFORMS[name];
  if (platform !== undefined) return platform;
  throw new Error(`no such platform: ${name}; there are ${Object.keys(PLATFORMS).join(' and ')}`);
}

async function build(platforms: readonly Platform[], folder: string, work: string): Promise<BuiltImage> {
  const { version } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as BundledPackage;
  const context = path.join(work, 'context');
  const npm = await bundle(ROOT, path.join(context, 'dist'));
  for (const file of ['Dockerfile', 'LICENSE', '.dockerignore']) {
    await copyFile(path.join(ROOT, file), path.join(context, file));
  }
  const buildah = engine(work);
  const name = `localhost/clusterfirewall:${version}`;
  await buildah(['manifest', 'create', name]);
  await mkdir(folder, { recursive: true });
  for (const platform of platforms) {
    const { debian, nodeVersion } = await addBase(platform, path.join(work, platform.architecture), work);
    const file = path.join(folder, `sbom-${platform.architecture}.cdx.json`);
    await writeFile(file, sbom({ version, nodeVersion, npm, debian }));
    await bud(buildah, platform, { work, context, version, name });
  }
  const [archive, digestFile] = [path.join(folder, 'image.tar'), path.join(work, 'digest')];
  await rm(archive, { force: true });
  const to = `oci-archive:${archive}:clusterfirewall:${version}`;
  await buildah(['manifest', 'push', '--all', '--quiet', '--digestfile', digestFile, name, to]);
  return { archive, digest: (await readFile(digestFile, 'utf8')).trim() };
}

type Buildah = (args: readonly string[]) => Promise<string>;

/** With storage of its own. It needs no kernel module, and nothing of it stays. */
function engine(work: string): Buildah {
  const storage = ['root', 'runroot'].flatMap((each) => [`--${each}`, path.join(work, 'storage', each)]);
  return async (args) => {
    const all = [...storage, '--storage-driver', 'vfs', ...args];
    const { stdout } = await run('buildah', all, { maxBuffer: 64 * 2 ** 20 });
    return stdout;
  };
}

interface Context {
  readonly work: string;
  readonly context: string;
  readonly version: string;
  /** The list of images that it becomes a part of. */
  readonly name: string;
}

/** First the base, then the Dockerfile of the repository on it. */
async function bud(buildah: Buildah, platform: Platform, { work, context, version, name }: Context) {
  const { architecture } = platform;
  const base = `localhost/base-${architecture}`;
  const file = path.join(work, 'base.Dockerfile');
  await writeFile(file, BASE_FILE);
  const common = ['bud', '--quiet', '--timestamp', '0', '--platform', `linux/${architecture}`];
  await buildah([...common, '--tag', base, '--file', file, path.join(work, architecture)]);
  const labels = Object.entries({
    title: 'clusterfirewall',
    description: 'The operator of ClusterFirewall',
    version,
    licenses: 'Apache-2.0',
  }).flatMap(([key, value]) => ['--label', `org.opencontainers.image.${key}=${value}`]);
  const app = ['--pull-never', '--build-arg', `BASE=${base}`, ...labels, '--manifest', name, context];
  await buildah([...common, ...app]);
}

interface Base {
  readonly debian: readonly DebianPackage[];
  readonly nodeVersion: string;
}

/** Node, its libraries with their licences, a user, and the records in which scanners look for packages. */
async function addBase(platform: Platform, root: string, work: string): Promise<Base> {
  const { triplet, loader, architecture } = platform;
  const files = path.join(work, `debian-${architecture}`);
  const debian = await unpackDebian(platform, files, root);
  for (const [name, to] of [
    ...LIBRARIES.map((each) => [each, path.join('lib', triplet, each)] as const),
    [path.basename(loader), loader] as const,
  ]) {
    await place(await find(files, name), path.join(root, to), 0o755);
  }
  for (const { name } of debian) {
    const copyright = path.join('usr/share/doc', name, 'copyright');
    await place(path.join(files, copyright), path.join(root, copyright), 0o644);
  }
  const node = await nodePackage(`linux-${platform.node}`, work);
  await place(path.join(node, 'bin/node'), path.join(root, 'usr/local/bin/node'), 0o755);
  await place(path.join(node, 'LICENSE'), path.join(root, 'usr/share/doc/node/LICENSE'), 0o644);
  const texts = {
    'etc/passwd': `nonroot:x:${USER}:${USER}:nonroot:/:/sbin/nologin\n`,
    'etc/group': `nonroot:x:${USER}:\n`,
    'etc/nsswitch.conf': 'hosts: files dns\n',
  };
  for (const [file, text] of Object.entries(texts)) {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    await writeFile(path.join(root, file), text);
  }
  await mkdir(path.join(root, 'tmp'));
  await chmod(path.join(root, 'tmp'), 0o1777);
  await epoch(root);
  const { version } = JSON.parse(await readFile(path.join(node, 'package.json'), 'utf8')) as BundledPackage;
  return { debian, nodeVersion: version };
}

/** Unpacks the packages into `files`, and keeps their records in `root`. */
async function unpackDebian(
  { architecture }: Platform,
  files: string,
  root: string,
): Promise<readonly DebianPackage[]> {
  const packages = path.join(files, 'packages');
  const records = path.join(root, 'var/lib/dpkg/status.d');
  await mkdir(packages, { recursive: true });
  await mkdir(records, { recursive: true });
  const options = await aptOptions(architecture, files);
  const fetch = async (names: readonly string[]): Promise<void> => {
    await run('apt-get', [...options, 'download', '--quiet', ...names], { cwd: packages });
    for (const file of await readdir(packages)) {
      await run('dpkg-deb', ['--extract', path.join(packages, file), files]);
    }
  };
  await fetch(DEBIAN);
  await fetch(await licencesElsewhere(files));
  const found: DebianPackage[] = [];
  for (const file of (await readdir(packages)).sort()) {
    const archive = path.join(packages, file);
    const { stdout } = await run('dpkg-deb', ['--field', archive]);
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(stdout)?.[1] ?? '';
    const [name, version] = [field('Package'), field('Version')];
    found.push({ name, version, architecture: field('Architecture') });
    await writeFile(path.join(records, name), stdout);
  }
  return found;
}

/** The libraries of gcc have their licence in another package, to which their folder is a link. */
async function licencesElsewhere(files: string): Promise<readonly string[]> {
  const docs = path.join(files, 'usr/share/doc');
  const entries = await readdir(docs, { withFileTypes: true });
  const links = entries.filter((each) => each.isSymbolicLink());
  return [...new Set(await Promise.all(links.map((each) => readlink(path.join(docs, each.name)))))];
}

/** This machine's own lists serve its own architecture. Another one needs lists of its own. */
async function aptOptions(architecture: string, files: string): Promise<readonly string[]> {
  const { stdout } = await run('dpkg', ['--print-architecture']);
  if (stdout.trim() === architecture) return [];
  const lists = path.join(files, 'lists');
  await mkdir(path.join(lists, 'partial'), { recursive: true });
  const options = [
    `APT::Architecture=${architecture}`,
    `APT::Architectures=${architecture}`,
    `Dir::State::lists=${lists}`,
    'Dir::State::status=/dev/null',
    `Dir::Cache=${path.join(files, 'cache')}`,
  ].flatMap((each) => ['--option', each]);
  await mkdir(path.join(files, 'cache/archives/partial'), { recursive: true });
  await run('apt-get', [...options, 'update', '--quiet']);
  return options;
}

async function find(folder: string, name: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true });
  const found = entries.find((each) => path.basename(each) === name);
  if (found === undefined) throw new Error(`no package of Debian has ${name}`);
  return path.join(folder, found);
}

async function place(from: string, to: string, mode: number): Promise<void> {
  await mkdir(path.dirname(to), { recursive: true });
  await cp(await realpath(from), to);
  await chmod(to, mode);
}

/** Times do not change the digest. */
async function epoch(folder: string): Promise<void> {
  for (const each of await readdir(folder, { recursive: true })) {
    await utimes(path.join(folder, each), 0, 0);
  }
  await utimes(folder, 0, 0);
}

if (import.meta.main) {
  const own = Object.keys(PLATFORMS).find((each) => PLATFORMS[each]?.node === process.arch);
  const platforms = (process.argv[2] ?? own ?? '').split(',');
  const { archive, digest } = await buildImage(platforms, path.join(ROOT, 'dist'));
  console.log(`${path.relative(process.cwd(), archive)} ${digest}`);
}
