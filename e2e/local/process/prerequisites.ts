import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The Debian package of each command. */
const COMMANDS: ReadonlyMap<string, string> = new Map([
  ['iptables', 'iptables'],
  ['ip6tables', 'iptables'],
  ['ipset', 'ipset'],
  ['conntrack', 'conntrack'],
  ['ip', 'iproute2'],
  ['nft', 'nftables'],
  ['faketime', 'faketime'],
  ['unzip', 'unzip'],
  ['buildah', 'buildah'],
  ['skopeo', 'skopeo'],
]);

/** The same for a cluster of containers, which needs all of the above as well. */
const CONTAINER_COMMANDS: ReadonlyMap<string, string> = new Map([
  ['dockerd', 'docker.io'],
  ['docker', 'docker.io'],
  ['debootstrap', 'debootstrap'],
]);

/** The version of Go that e2e/local/*.mod need. Debian's own package is older. */
const GO_VERSION = '1.26';

/** Users without a login shell of root often lack these in PATH. */
const SYSTEM_PATHS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

export const SYSTEM_PATH = SYSTEM_PATHS.join(':');

/** The command's path, searched in PATH, in the system's folders and in Go's usual place. */
export async function findCommand(name: string): Promise<string | undefined> {
  const folders = [...(process.env['PATH'] ?? '').split(':'), ...SYSTEM_PATHS, '/usr/local/go/bin'];
  for (const folder of folders.filter((candidate) => candidate !== '')) {
    const file = path.join(folder, name);
    if (await exists(file, constants.X_OK)) return file;
  }
  return undefined;
}

export interface Prerequisites {
  readonly needsGo: boolean;
  /** True for a cluster of containers. */
  readonly containers?: boolean;
}

/**
 * Makes sure that this machine can run a local cluster. Installs Debian packages where it can.
 * @throws one error that names everything that is missing and how to get it
 */
export async function checkPrerequisites(options: Prerequisites): Promise<void> {
  const commands = new Map([...COMMANDS, ...(options.containers === true ? CONTAINER_COMMANDS : [])]);
  const missing: string[] = [];
  const isRoot = process.getuid?.() === 0;
  if (process.platform !== 'linux') missing.push('Linux: the cluster consists of network namespaces');
  if (!isRoot)
    missing.push('root: the cluster needs network namespaces and packet filters (run it with sudo)');
  if (options.needsGo && (await findCommand('go')) === undefined) {
    missing.push(
      `Go ${GO_VERSION} or newer: Kubernetes and Calico are built from source (https://go.dev/dl)`,
    );
  }
  const packages = await installCommands(commands);
  if (packages.length > 0) {
    missing.push(`the programs of these packages: apt-get install ${packages.join(' ')}`);
  }
  if (missing.length > 0) {
    throw new Error(
      `the local cluster cannot start here; missing:\n${missing.map((m) => `  - ${m}`).join('\n')}`,
    );
  }
}

/**
 * Installs the Debian packages of commands that this machine lacks, where it can.
 * @param commands the package of each
 * @returns packages that are still missing
 */
export async function installCommands(commands: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const packages = await missingPackages(commands);
  const isRoot = process.getuid?.() === 0;
  if (packages.length === 0 || !isRoot || !(await maybeInstalled(packages))) return packages;
  await installPackages(packages);
  return missingPackages(commands);
}

/**
 * On Debian only. Where systemd runs, it would start a Docker engine that changes the machine's packet filter,
 * so its package is left to the machine's owner.
 */
async function maybeInstalled(packages: readonly string[]): Promise<boolean> {
  if (!(await exists('/etc/debian_version'))) return false;
  return !packages.includes('docker.io') || !(await exists('/run/systemd/system'));
}

async function missingPackages(commands: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const packages = new Set<string>();
  for (const [command, debianPackage] of commands) {
    if ((await findCommand(command)) === undefined) packages.add(debianPackage);
  }
  return [...packages].sort();
}

async function installPackages(packages: readonly string[]): Promise<void> {
  process.stderr.write(`installing ${packages.join(' ')} …\n`);
  const install = ['install', '--yes', '--no-install-recommends', ...packages];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await run('apt-get', ['update'], { env });
    await run('apt-get', install, { env, maxBuffer: 1 << 26 });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    process.stderr.write(`apt-get ${install.join(' ')} failed: ${reason}\n`);
  }
}

async function exists(file: string, mode = constants.F_OK): Promise<boolean> {
  return access(file, mode).then(
    () => true,
    () => false,
  );
}
