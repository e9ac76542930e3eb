import { execFile, spawn } from 'node:child_process';
import { readdir, readlink, stat } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { SYSTEM_PATH } from './prerequisites.ts';

/** The folder in which iproute2 keeps named network namespaces. */
const NETNS_DIR = '/run/netns';

/**
 * Runs lines of ip(8) in one process, in the given namespace or in this machine's.
 * @throws with ip's message when a line fails
 */
export async function ip(lines: readonly string[], namespace?: string): Promise<void> {
  const args = [...(namespace === undefined ? [] : ['-netns', namespace]), '-batch', '-'];
  await ipCommand(args, lines.map((line) => `${line}\n`).join(''));
}

async function ipCommand(args: readonly string[], input: string): Promise<void> {
  const child = spawn('ip', args, { env: { PATH: SYSTEM_PATH }, stdio: ['pipe', 'ignore', 'pipe'] });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [stderr, code] = await Promise.all([text(child.stderr), closed]);
  if (code !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr.trim()}\n${input.trimEnd()}`);
}

/**
 * Runs a program inside a namespace. Resolves to its standard output.
 * @throws with its standard error when its exit code is not 0
 */
export async function runIn(namespace: string, command: readonly string[]): Promise<string> {
  const [file = '', ...args] = command;
  const options = { env: { PATH: SYSTEM_PATH } };
  const { stdout } = await promisify(execFile)('ip', [...inNamespace(namespace, file, args)], options);
  return stdout;
}

/** The arguments that run a program inside a namespace. */
export function inNamespace(namespace: string, file: string, args: readonly string[]): readonly string[] {
  return ['netns', 'exec', namespace, file, ...args];
}

/**
 * Writes files under /proc/sys/net. They belong to the namespace of the writing process, so tee(1) writes
 * them inside it.
 * @throws when the kernel refuses one
 */
export async function writeSysctls(
  namespace: string,
  values: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [file, value] of Object.entries(values)) {
    await ipCommand(inNamespace(namespace, 'tee', [`/proc/sys/net/${file}`]), value);
  }
}

export async function namespacesWithPrefix(prefix: string): Promise<readonly string[]> {
  const names = await readdir(NETNS_DIR).catch(() => []);
  return names.filter((name) => name.startsWith(prefix)).sort();
}

/** Every process that lives in one of the namespaces, whoever started it. */
export async function processesIn(namespaces: readonly string[]): Promise<readonly number[]> {
  const inodes = new Set(await Promise.all(namespaces.map(inode)));
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const links = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/ns/net`).catch(() => '')));
  return pids.filter((_, i) => inodes.has(links[i])).map(Number);
}

async function inode(namespace: string): Promise<string | undefined> {
  const found = await stat(path.join(NETNS_DIR, namespace)).catch(() => undefined);
  return found === undefined ? undefined : `net:[${found.ino}]`;
}
