import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../clock.ts';

/** Builds the configuration from its files, each time anew, so that rotated tokens, certificates and CAs are seen. */
export type LoadKubeConfig = () => KubeConfig;

export interface TlsMaterial {
  readonly ca?: RequestOptions['ca'];
  readonly cert?: RequestOptions['cert'];
  readonly key?: RequestOptions['key'];
  readonly rejectUnauthorized?: boolean;
  readonly servername?: string;
}

/** Who we are to the API server, and how we know that it is the one. */
export interface Identity {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
}

export interface Credentials {
  /** Base URL of the API server. */
  readonly server: string;
  current(): Promise<Identity>;
  /** To be called when the server has refused the identity (401): the next current() reads it anew. */
  invalidate(): void;
}

/** As client-go: token files are read again after a minute (k8s.io/client-go/transport/token_source.go). */
const REFRESH_MS = 60_000;

/**
 * KUBECONFIG, `~/.kube/config`, or the ServiceAccount of the pod, in this order.
 * @throws Error with the remedy when none of them is there.
 */
export function loadDefaultKubeConfig(): KubeConfig {
  const config = new KubeConfig();
  config.loadFromDefault();
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new Error(
      'kubeconfig: current-context names no cluster; choose one with `kubectl config use-context`',
    );
  }
  // What client-node makes up when it has found nothing.
  if (cluster.name === 'cluster' && cluster.server === 'http://localhost:8080') {
    throw new Error('no kubeconfig found: set KUBECONFIG, or run in a pod with a ServiceAccount token');
  }
  return config;
}

/**
 * Credentials that follow their files. A command of `user.exec` keeps its own expiry and is asked again only after invalidate().
 * @throws Error when the configuration cannot be loaded, or needs a proxy.
 */
export function kubeConfigCredentials(load: LoadKubeConfig, clock: Clock): Credentials {
  let config = load();
  let reading: Promise<Identity> | undefined;
  let readAt = 0;
  let refused = false;

  const readAgain = async (): Promise<Identity> => {
    const command: unknown = config.getCurrentUser()?.exec;
    if (refused || command === undefined || command === null) config = load();
    refused = false;
    return identityOf(config);
  };
  return {
    server: serverOf(config),
    async current() {
      const before = reading;
      if (before !== undefined && !refused && clock.now() - readAt < REFRESH_MS) return before;
      readAt = clock.now();
      reading = before === undefined ? identityOf(config) : readAgain();
      try {
        return await reading;
      } catch (error) {
        // A file that is being replaced can be missing for a moment; what was read before may still be good.
        reading = before;
        if (before === undefined) throw error;
        return before;
      }
    },
    invalidate() {
      refused = true;
    },
  };
}

function serverOf(config: KubeConfig): string {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('kubeconfig: current-context names no cluster');
  if (cluster.proxyUrl !== undefined) {
    throw new Error(`kubeconfig: clusters[${cluster.name}].proxy-url is not supported; remove it`);
  }
  return cluster.server;
}

async function identityOf(config: KubeConfig): Promise<Identity> {
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const headers: Record<string, string> = {};
  if (typeof options.auth === 'string') {
    headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  }
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    // A token file may end in a line break, which no header may contain.
    headers[name.toLowerCase()] = String(value).trim();
  }
  const { ca, cert, key, rejectUnauthorized, servername } = options;
  const tls = { ca, cert, key, rejectUnauthorized, servername };
  return { headers, tls: Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)) };
}
