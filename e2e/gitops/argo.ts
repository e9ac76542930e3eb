/**
 * Argo CD's own code as a program. It is built from argo/ into the cache of the local cluster's programs, and
 * talks JSON.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { access, mkdtemp, mkdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { cacheRoot } from '../local/build/binaries.ts';
import { build } from '../local/build/go-build.ts';
import { withLock } from '../local/build/lock.ts';

const SOURCES = path.join(import.meta.dirname, 'argo');
/** Go names a program after the last element of its module's path. */
const PROGRAM = 'argo';

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: unknown;
}

export interface Difference {
  readonly modified: boolean;
  readonly live?: unknown;
  readonly predicted?: unknown;
}

export type HealthStatus = 'Healthy' | 'Progressing' | 'Degraded' | 'Suspended' | 'Missing' | 'Unknown';

/**
 * Argo CD's verdict on one object. It can find differences in several ways; an Application's options select
 * one.
 */
export interface Judgement {
  readonly kind: string;
  readonly name: string;
  /** Default: with the annotation last-applied-configuration. */
  readonly threeWay: Difference;
  /** With sync option ServerSideApply=true. */
  readonly structuredMerge: Difference;
  /** With compare option ServerSideDiff=true, by a dry run of the API server. */
  readonly serverSide: Difference;
  /** Null if Argo CD does not know the health of this kind. */
  readonly health: { readonly status: HealthStatus; readonly message?: string } | null;
  readonly wave: number;
  /**
   * Sync options of the object. They decide what happens when it is gone from Git, and when the Application
   * is removed.
   */
  readonly prune: string | null;
  readonly delete: string | null;
}

interface ArgoOptions {
  readonly kubeconfig: string;
  /** Namespace of the ConfigMap argocd-cm. */
  readonly settingsNamespace: string;
  /** Sync option ServerSideApply=true. */
  readonly serverSideApply: boolean;
}

export interface Argo {
  /** Applies the objects one after the other, like a sync. */
  sync(objects: readonly KubernetesObject[]): Promise<void>;
  /** Compares the objects with those in the cluster, in the same order. */
  judge(objects: readonly KubernetesObject[]): Promise<readonly Judgement[]>;
}

/** The modified objects, the way in which each difference was found, and the difference. */
export const modifications = (judgements: readonly Judgement[]) =>
  judgements.flatMap(({ kind, name, threeWay, structuredMerge, serverSide }) =>
    Object.entries({ threeWay, structuredMerge, serverSide })
      .filter(([, { modified }]) => modified)
      .map(([way, { live, predicted }]) => ({ kind, name, way, live, predicted })),
  );

/** True if it is not in the cache yet, so Go is needed. */
export async function argoNeedsBuild(): Promise<boolean> {
  const file = await programPath();
  return access(file).then(
    () => false,
    () => true,
  );
}

/**
 * Builds the program if it is missing. Progress goes to standard error. @throws an error with Go's output
 * when the build fails
 */
export async function prepareArgo(): Promise<void> {
  if (await argoNeedsBuild()) await withLock(path.join(cacheRoot(), 'lock'), buildMissing);
}

export function argoFor(options: ArgoOptions): Argo {
  return {
    async sync(objects) {
      await ask('sync', { ...options, objects });
    },
    judge: async (objects) => JSON.parse(await ask('judge', { ...options, objects })) as readonly Judgement[],
  };
}

/** @throws Error for a field that an Application does not have, or that has another type */
export async function checkApplication(application: unknown): Promise<void> {
  await ask('check', application);
}

/** The path contains a hash of all its sources. */
async function programPath(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum', 'main.go']) hash.update(await readFile(path.join(SOURCES, file)));
  return path.join(cacheRoot(), `argo-${hash.digest('hex').slice(0, 12)}`, PROGRAM);
}

async function buildMissing(): Promise<void> {
  // Another process may have built it while we waited for the lock.
  if (!(await argoNeedsBuild())) return;
  const file = await programPath();
  await mkdir(path.dirname(file), { recursive: true });
  const draft = await mkdtemp(path.join(path.dirname(file), '.build-'));
  try {
    await build({ sources: SOURCES, packages: ['.'], out: draft, what: "Argo CD's diff and health" });
    await rename(path.join(draft, PROGRAM), file);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function ask(verb: 'sync' | 'judge' | 'check', request: unknown): Promise<string> {
  await prepareArgo();
  const child = spawn(await programPath(), [verb], { stdio: ['pipe', 'pipe', 'pipe'] });
  const closed = once(child, 'close') as Promise<[number | null]>;
  child.stdin.on('error', () => undefined);
  child.stdin.end(JSON.stringify(request));
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  if (code !== 0) throw new Error(`argo ${verb} failed: ${stderr}`);
  return stdout;
}
