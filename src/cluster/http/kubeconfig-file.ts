/** Finds and reads kubeconfigs. No message repeats a part of one, because any part may be a credential. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { load } from 'js-yaml';
import { isRecord, valueAt } from '../../json.ts';
import { checkKubeConfig } from './kubeconfig-shape.ts';

const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** A choice that kubectl's options of the same names make. */
export interface KubeConfigChoice {
  /** A file, instead of those that are usually read. */
  readonly kubeconfig?: string;
  /** A context, instead of current-context. */
  readonly context?: string;
}

/**
 * Reads KUBECONFIG, `~/.kube/config`, or the ServiceAccount of the pod, in this order.
 * @throws Error that names the file, the field and the remedy
 */
export function loadDefaultKubeConfig({ kubeconfig, context }: KubeConfigChoice = {}): KubeConfig {
  const config = kubeconfig === undefined ? findKubeConfig() : readKubeConfig(kubeconfig, '--kubeconfig');
  if (context !== undefined) {
    if (config.getContextObject(context) === null)
      throw new Error(
        'kubeconfig: no context has the name that --context gives; see `kubectl config get-contexts`',
      );
    config.setCurrentContext(context);
  }
  if (config.getCurrentCluster() === null) {
    throw new Error(
      'kubeconfig: current-context names no cluster; choose one with `kubectl config use-context`',
    );
  }
  return config;
}

function findKubeConfig(): KubeConfig {
  const files = (process.env['KUBECONFIG'] ?? '').split(path.delimiter).filter((file) => file !== '');
  const home = process.env['HOME'] ?? '';
  const usual = path.join(home, '.kube', 'config');
  const [first, ...others] = files;
  if (first !== undefined) return merged(first, others);
  if (home !== '' && existsSync(usual)) return readKubeConfig(usual, '~/.kube/config');
  if (!existsSync(SERVICE_ACCOUNT_TOKEN)) {
    throw new Error('no kubeconfig found: set KUBECONFIG, or run in a pod with a ServiceAccount token');
  }
  const config = new KubeConfig();
  config.loadFromCluster();
  return config;
}

function merged(first: string, others: readonly string[]): KubeConfig {
  const count = others.length + 1;
  // The paths themselves are not shown: some set KUBECONFIG to the contents of a kubeconfig.
  const nameOf = (number: number): string =>
    count === 1 ? 'the file that KUBECONFIG names' : `file ${number} of ${count} in KUBECONFIG`;
  const config = readKubeConfig(first, nameOf(1));
  for (const [index, file] of others.entries()) {
    const name = nameOf(index + 2);
    const next = readKubeConfig(file, name);
    const explain = (): string =>
      `${name}: a cluster, a user or a context of it has the name of one in an earlier file; rename it`;
    explained(explain, () => {
      config.mergeConfig(next);
    });
  }
  return config;
}

/** @param name - names the file in messages */
function readKubeConfig(file: string, name: string): KubeConfig {
  const text = explained(
    (error) => `${name} cannot be read (${errorCode(error)})`,
    () => readFileSync(file, 'utf8'),
  );
  const value = explained(
    (error) => `${name} is not YAML${positionOf(error)}`,
    () => load(text),
  );
  checkKubeConfig(value, name);
  const config = new KubeConfig();
  const explain = (error: unknown): string =>
    `${name}: users[].user.token-file names a file that cannot be read (${errorCode(error)})`;
  explained(explain, () => {
    // The library parses what was checked, and not the text once more by rules of its own.
    config.loadFromString(JSON.stringify(value));
  });
  config.makePathsAbsolute(path.dirname(file));
  return config;
}

/**
 * Calls `read`. An error of it may repeat a path or the text around a mistake, and logs show the cause of an
 * error too. So the error that is thrown has none.
 */
function explained<T>(explain: (error: unknown) => string, read: () => T): T {
  let failure: unknown;
  try {
    return read();
  } catch (error) {
    failure = error;
  }
  throw new Error(explain(failure));
}

function positionOf(error: unknown): string {
  const [line, column] = ['line', 'column'].map((name) => valueAt(error, 'mark', name));
  if (typeof line !== 'number' || typeof column !== 'number') return '';
  return `: see line ${line + 1}, column ${column + 1}`;
}

/** The code of a failed system call, such as ENOENT. Its message would repeat the path. */
export const errorCode = (error: unknown): string =>
  isRecord(error) && typeof error['code'] === 'string' ? error['code'] : 'unknown error';
