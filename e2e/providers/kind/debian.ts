/** The root filesystem of a node: Debian's packages, by debootstrap. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { cacheRoot } from '../../local/build/binaries.ts';
import { withLock } from '../../local/build/lock.ts';
import { SYSTEM_PATH } from '../../local/process/prerequisites.ts';

const run = promisify(execFile);

const RELEASE = 'bookworm';
const PACKAGES = [
  ...['systemd', 'systemd-sysv', 'dbus', 'kmod', 'procps', 'mount', 'util-linux', 'ca-certificates'],
  ...['containerd', 'runc'],
  ...['iptables', 'nftables', 'ipset', 'conntrack', 'ethtool', 'socat', 'iproute2'],
];
/** The caches of apt are of no use on a node. */
const USELESS = ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/locale', 'usr/share/man'];

/** Its name contains a hash of everything that it is made from. */
function debianRoot(): string {
  const hash = createHash('sha256')
    .update([RELEASE, ...PACKAGES].join(' '))
    .digest('hex');
  return path.join(cacheRoot(), `debian-${hash.slice(0, 12)}`);
}

export const hasDebianRoot = (): Promise<boolean> =>
  access(debianRoot()).then(
    () => true,
    () => false,
  );

/**
 * Makes the folder unless it is in the cache.
 * @throws with the last lines of debootstrap when it fails
 */
export async function prepareDebianRoot(): Promise<string> {
  const root = debianRoot();
  await withLock(path.join(cacheRoot(), 'debian.lock'), async () => {
    if (!(await hasDebianRoot())) await bootstrap(root);
  });
  return root;
}

async function bootstrap(root: string): Promise<void> {
  await mkdir(cacheRoot(), { recursive: true });
  const draft = await mkdtemp(`${root}.`);
  const options = ['--variant=minbase', `--include=${PACKAGES.join(',')}`];
  const env = { PATH: SYSTEM_PATH, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  try {
    await run('debootstrap', [...options, RELEASE, draft, await mirror()], { env, maxBuffer: 1 << 26 });
    for (const folder of USELESS) await rm(path.join(draft, folder), { recursive: true, force: true });
    await rename(draft, root);
  } catch (error) {
    const { stdout = '' } = error as { readonly stdout?: string };
    await rm(draft, { recursive: true, force: true });
    throw new Error(`debootstrap failed:\n${stdout.split('\n').slice(-20).join('\n')}`, { cause: error });
  }
}

/** The one that this machine's apt uses. */
async function mirror(): Promise<string> {
  const { stdout } = await run('apt-get', [
    'indextargets',
    '--format',
    '$(REPO_URI)',
    'Created-By: Packages',
  ]);
  const [first] = stdout.split('\n');
  if (first === undefined || first === '')
    throw new Error('apt knows no archive: see /etc/apt/sources.list.d');
  return first;
}
