/** The programs with which kube-proxy and Felix change a packet filter, for images that have nothing else. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, realpath, symlink } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const SBIN = '/usr/sbin';
const PROGRAMS = ['xtables-nft-multi', 'xtables-legacy-multi', 'nft', 'conntrack', 'ipset'].map(
  (name) => `${SBIN}/${name}`,
);
/** iptables' programs are one program for each kernel interface, which goes by its own name. */
const NAMES = ['iptables', 'ip6tables'].flatMap((family) =>
  (['nft', 'legacy'] as const).flatMap((kind) =>
    ['', '-save', '-restore'].flatMap((verb) => {
      const names = [`${family}-${kind}${verb}`, ...(kind === 'nft' ? [`${family}${verb}`] : [])];
      return names.map((name) => ({ name, target: `xtables-${kind}-multi` }));
    }),
  ),
);

/** Copies them and the libraries that they load from the root filesystem `root` to the folder `to`. */
export async function copyPacketFilterTools(root: string, to: string): Promise<void> {
  const files = [...PROGRAMS, ...(await extensions(root))];
  for (const file of new Set([...files, ...(await libraries(root, files))])) {
    await mkdir(path.join(to, path.dirname(file)), { recursive: true });
    await copyFile(await realpath(path.join(root, file)), path.join(to, file));
  }
  for (const { name, target } of NAMES) await symlink(target, path.join(to, SBIN, name));
  // iptables-legacy locks /run/xtables.lock.
  await mkdir(path.join(to, 'run'), { recursive: true });
  await mkdir(path.join(to, 'tmp'), { recursive: true });
}

/** Modules that xtables loads by the names of matches and targets. */
async function extensions(root: string): Promise<readonly string[]> {
  const lib = path.join(root, 'usr/lib');
  const [architecture] = (await readdir(lib)).filter((name) => name.endsWith('-linux-gnu'));
  if (architecture === undefined) throw new Error(`${lib} has no folder of an architecture`);
  const names = await readdir(path.join(lib, architecture, 'xtables'));
  return names
    .filter((name) => name.endsWith('.so'))
    .map((name) => `/usr/lib/${architecture}/xtables/${name}`);
}

/** The modules load libraries of their own, so they are asked as well. */
async function libraries(root: string, files: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await run('chroot', [root, 'ldd', ...files], { maxBuffer: 1 << 26 });
  return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, file = '']) => file);
}
