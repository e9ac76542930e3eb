import { accessSync, constants } from 'node:fs';
import type { KubeConfig, User } from '@kubernetes/client-node';
import { isRecord, valueAt } from '../../json.ts';
import { errorCode } from './kubeconfig-file.ts';

export interface Failure {
  /** Names the field, and never a value. */
  readonly message: string;
  /** The beginning of what a command wrote to its standard error, without the credentials of the kubeconfig. */
  readonly stderr?: string;
}

/** The length of a command's standard error that is shown, in characters. */
const MAX_STDERR = 500;
/** A shorter value of a kubeconfig can be a part of any word. */
const MIN_SECRET = 4;

/** Says why credentials could not be read, by an error of client-node. */
export function explainFailure(error: unknown, config: KubeConfig): Failure {
  const user = config.getCurrentUser();
  const place = user === null ? 'users[]' : `users[${config.getUsers().indexOf(user)}].user`;
  const file = unreadableFile(config, place);
  if (file !== undefined) return { message: `kubeconfig: ${file}` };
  if (user === null || !isRecord(user.exec)) {
    const field = user?.authProvider === undefined ? place : `${place}.auth-provider`;
    return { message: `kubeconfig: ${field}: the credentials cannot be read (${nameOf(error)})` };
  }
  return { ...commandFailure(error, user, `kubeconfig: the command of ${place}.exec`) };
}

function commandFailure(error: unknown, user: User, command: string): Failure {
  const code = isRecord(error) ? error['code'] : undefined;
  if (typeof code === 'string') return { message: `${command} cannot be started (${code})` };
  if (nameOf(error) !== 'Error') {
    return { message: `${command} printed no ExecCredential with a token or a certificate` };
  }
  // client-node makes an error of the standard error if the exit code is not 0.
  const stderr = error instanceof Error ? withoutSecrets(error.message, user).trim() : '';
  if (stderr === '') return { message: `${command} failed and wrote nothing to its standard error` };
  const shown = stderr.length > MAX_STDERR ? `${stderr.slice(0, MAX_STDERR)}…` : stderr;
  return { message: `${command} failed; one line of the log has its standard error`, stderr: shown };
}

/** The first file of the present cluster and user that cannot be read, in words. */
function unreadableFile(config: KubeConfig, place: string): string | undefined {
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  const clusterIndex = cluster === null ? 0 : config.getClusters().indexOf(cluster);
  const files: readonly (readonly [field: string, file: unknown])[] = [
    [`clusters[${clusterIndex}].cluster.certificate-authority`, cluster?.caFile],
    [`${place}.client-certificate`, user?.certFile],
    [`${place}.client-key`, user?.keyFile],
    ["the token of the pod's ServiceAccount", valueAt(user?.authProvider, 'config', 'tokenFile')],
  ];
  for (const [field, file] of files) {
    if (typeof file !== 'string' || file === '') continue;
    try {
      accessSync(file, constants.R_OK);
    } catch (error) {
      return `${field}: the file cannot be read (${errorCode(error)})`;
    }
  }
  return undefined;
}

/** A command may print what it was given. */
function withoutSecrets(text: string, user: User): string {
  return secretsOf(user)
    .filter((secret) => secret.length >= MIN_SECRET)
    .toSorted((a, b) => b.length - a.length)
    .reduce((rest, secret) => rest.replaceAll(secret, '[removed]'), text);
}

function secretsOf(user: User): readonly string[] {
  const env = listAt(user.exec, 'env').map((variable) => valueAt(variable, 'value'));
  const values: readonly unknown[] = [user.token, user.password, ...env, ...listAt(user.exec, 'args')];
  return values.filter((value) => typeof value === 'string');
}

function listAt(value: unknown, key: string): readonly unknown[] {
  const list = valueAt(value, key);
  return Array.isArray(list) ? list : [];
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : 'unknown error');
