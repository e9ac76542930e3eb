import { writeFile } from 'node:fs/promises';

export interface KubeconfigSpec {
  readonly server: string;
  /** PEM. */
  readonly authority: string;
  readonly user: string;
  readonly token: string;
}

/** Writes JSON, which is YAML too. It contains a credential, so only its owner may read it. */
export async function writeKubeconfig(file: string, spec: KubeconfigSpec): Promise<string> {
  const name = 'local';
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name,
        cluster: {
          server: spec.server,
          'certificate-authority-data': Buffer.from(spec.authority).toString('base64'),
        },
      },
    ],
    users: [{ name: spec.user, user: { token: spec.token } }],
    contexts: [{ name, context: { cluster: name, user: spec.user } }],
    'current-context': name,
  };
  await writeFile(file, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  return file;
}
