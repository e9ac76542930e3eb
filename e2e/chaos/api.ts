/** The administrator's own connection to the API server, which no relay and no fault affects. */
import { readFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import type { StartedCluster } from '../cluster.ts';
import { connectApi, type Api } from '../local/control-plane/api.ts';
import { waitFor } from '../wait.ts';

interface Kubeconfig {
  readonly clusters: readonly [{ readonly cluster: { readonly 'certificate-authority-data': string } }];
  readonly users: readonly [{ readonly user: { readonly token: string } }];
}

export async function administratorApi(cluster: StartedCluster): Promise<Api> {
  const { clusters, users } = load(await readFile(cluster.kubeconfig, 'utf8')) as Kubeconfig;
  const authority = Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64').toString();
  return connectApi(cluster.server, authority, users[0].user.token);
}

const WITHIN = 150_000;
const EVERY = 200;

/** Repeats a command until the API server accepts it, like a person would. */
export async function untilAccepted(what: string, attempt: () => Promise<unknown>): Promise<void> {
  const done = async (): Promise<true> => {
    await attempt();
    return true;
  };
  await waitFor(done, { what, within: WITHIN, every: EVERY });
}
