/** A Docker engine of the run's own, in a network namespace of the run. */
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { cacheRoot } from '../../local/build/binaries.ts';
import { withLock } from '../../local/build/lock.ts';
import { startChild } from '../../local/process/child.ts';
import { SYSTEM_PATH } from '../../local/process/prerequisites.ts';
import type { Run } from '../../local/process/run.ts';
import { waitFor } from '../../wait.ts';

const READY_WITHIN = 60_000;
/** Testcontainers labels every container that it starts. */
const OURS = 'label=org.testcontainers=true';

export interface Docker {
  /** `unix://…` */
  readonly host: string;
  /**
   * Runs the docker command. Resolves to standard output.
   * @throws with its standard error
   */
  command(args: readonly string[]): Promise<string>;
  hasImage(name: string): Promise<boolean>;
  /** Makes an image with one layer from a folder. The changes are instructions of a Dockerfile. */
  import(name: string, folder: string, changes: readonly string[]): Promise<void>;
  /** The way of the image's archive into a program that reads it from standard input. */
  pipeImage(name: string, command: readonly string[]): Promise<void>;
  /** Gives the engine's data to the next one. Call it when the engine has ended. */
  release(): void;
}

/**
 * Starts dockerd in the namespace. Its data stays in the cache, so that images are built once. So only one
 * engine runs at a time, and another process waits for its end. The engine changes no packet filter: it has
 * no NAT and publishes no ports.
 * @throws with the end of its log when it does not start
 */
export async function startDocker(run: Run, namespace: string): Promise<Docker> {
  const data = path.join(cacheRoot(), 'docker');
  await mkdir(data, { recursive: true, mode: 0o710 });
  const release = await hold(path.join(cacheRoot(), 'docker.lock'));
  const socket = path.join(run.dir, 'docker.sock');
  const daemon = startChild(run, {
    name: 'dockerd',
    namespace,
    file: 'nsenter',
    // `ip netns exec` gives its program another /sys, which has no control groups. The engine needs the mounts
    // of this process instead. Its own mounts are private, so they are gone when it and its containers are.
    args: [
      `--mount=/proc/${String(process.pid)}/ns/mnt`,
      ...['unshare', '--mount', '--propagation', 'private'],
      ...['dockerd', ...daemonArgs(run, data, socket)],
    ],
  });
  const host = `unix://${socket}`;
  const docker = client(host, release);
  try {
    await waitFor(async () => docker.command(['version', '--format', '{{.Server.Version}}']), {
      what: 'dockerd to answer',
      within: READY_WITHIN,
      abort: daemon.failed,
      explain: () => daemon.tail(),
    });
    await sweep(docker);
  } catch (error) {
    release();
    throw error;
  }
  return docker;
}

function daemonArgs(run: Run, data: string, socket: string): readonly string[] {
  return [
    `--host=unix://${socket}`,
    `--data-root=${data}`,
    `--exec-root=${path.join(run.dir, 'docker')}`,
    `--pidfile=${path.join(run.dir, 'docker.pid')}`,
    `--containerd-namespace=${run.cgroup}`,
    `--cgroup-parent=/${run.cgroup}`,
    '--storage-driver=overlay2',
    '--bridge=none',
    '--iptables=false',
    '--ip-forward=false',
    '--ip-masq=false',
    '--userland-proxy=false',
    '--log-level=warn',
  ];
}

/** Another run that was killed may have left containers in the data. Their processes are gone. */
async function sweep(docker: Docker): Promise<void> {
  const left = (await docker.command(['ps', '--all', '--quiet', '--filter', OURS]))
    .split('\n')
    .filter(Boolean);
  if (left.length > 0) await docker.command(['rm', '--force', '--volumes', ...left]);
  await docker.command(['volume', 'prune', '--force']);
  await docker.command(['network', 'prune', '--force']);
  // Images whose name went to a newer one.
  await docker.command(['image', 'prune', '--force']);
}

function client(host: string, release: () => void): Docker {
  const env = {
    PATH: SYSTEM_PATH,
    DOCKER_HOST: host,
    DOCKER_CONFIG: '/nonexistent',
    // The other builder is a plugin of its own.
    DOCKER_BUILDKIT: '0',
  };
  const command = (args: readonly string[]): Promise<string> => output('docker', args, env);
  return {
    host,
    command,
    hasImage: async (name) => (await command(['images', '--quiet', name])).trim() !== '',
    import: (name, folder, changes) => {
      const load = ['docker', 'import', ...changes.flatMap((change) => ['--change', change]), '-', name];
      return pipe(['tar', '-C', folder, '-c', '.'], load, env);
    },
    pipeImage: (name, to) => pipe(['docker', 'save', name], to, env),
    release,
  };
}

type Environment = Readonly<Record<string, string>>;

async function output(file: string, args: readonly string[], env: Environment): Promise<string> {
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code !== 0) throw new Error(`${file} ${args.join(' ')}: ${stderr.trim()}`);
  return stdout;
}

/** Both words of a command go through a shell's arguments, never through its text. */
async function pipe(from: readonly string[], to: readonly string[], env: Environment): Promise<void> {
  const count = String(from.length);
  const script = `from=("\${@:1:${count}}"); to=("\${@:${String(from.length + 1)}}"); "\${from[@]}" | "\${to[@]}"`;
  await output('bash', ['-o', 'pipefail', '-c', script, 'pipe', ...from, ...to], env);
}

/** Resolves once the lock is ours. The function gives it back. */
async function hold(file: string): Promise<() => void> {
  const held = Promise.withResolvers<undefined>();
  const released = Promise.withResolvers<undefined>();
  const locked = withLock(file, async () => {
    held.resolve(undefined);
    await released.promise;
  });
  await Promise.race([held.promise, locked]);
  return () => {
    released.resolve(undefined);
  };
}
