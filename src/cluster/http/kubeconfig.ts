import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import { explainFailure, type Failure } from './credential-failure.ts';

/**
 * Builds the configuration from its files. Each call reads them again, so rotated tokens, certificates and
 * CAs are noticed.
 */
export type LoadKubeConfig = () => KubeConfig;

export interface TlsMaterial {
  readonly ca?: RequestOptions['ca'];
  readonly cert?: RequestOptions['cert'];
  readonly key?: RequestOptions['key'];
  readonly rejectUnauthorized?: boolean;
  readonly servername?: string;
}

/** Our identity at the API server, and the CA by which we recognise the server. */
export interface Identity {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
}

export interface Credentials {
  /** Base URL of the API server. */
  readonly server: string;
  current(): Promise<Identity>;
  /** Call this when the server has refused the identity (401). The next current() reads the files again. */
  invalidate(): void;
}

/** Like client-go, token files are read again after a minute (k8s.io/client-go/transport/token_source.go). */
const REFRESH_MS = 60_000;

export interface CredentialsOptions {
  readonly clock: Clock;
  /** Gets what a command of `user.exec` wrote to its standard error, once for each series of failures. */
  readonly log: Logger;
}

/**
 * Credentials that follow their files. A command of `user.exec` keeps its own expiry and is asked again only
 * after invalidate(). No error repeats a part of the configuration or the output of a command.
 * @throws Error when the configuration cannot be loaded, or needs a proxy
 */
export function kubeConfigCredentials(load: LoadKubeConfig, { clock, log }: CredentialsOptions): Credentials {
  let config = load();
  let reading: Promise<Identity> | undefined;
  let readAt = 0;
  let refused = false;
  let stderrShown = false;

  const identity = async (): Promise<Identity> => {
    let failure: Failure;
    try {
      const read = await identityOf(config);
      stderrShown = false;
      return read;
    } catch (error) {
      failure = explainFailure(error, config);
    }
    const { message, stderr } = failure;
    if (stderr !== undefined && !stderrShown) log.warn({ stderr }, message);
    stderrShown ||= stderr !== undefined;
    // The error of client-node may contain a path, an argument or an output, so it is no cause of this one.
    throw new Error(message);
  };
  const readAgain = async (): Promise<Identity> => {
    const command: unknown = config.getCurrentUser()?.exec;
    if (refused || command === undefined || command === null) config = load();
    refused = false;
    return identity();
  };
  return {
    server: serverOf(config),
    async current() {
      const before = reading;
      if (before !== undefined && !refused && clock.now() - readAt < REFRESH_MS) return before;
      readAt = clock.now();
      reading = before === undefined ? identity() : readAgain();
      try {
        return await reading;
      } catch (error) {
        // A file that is being replaced can be missing for a moment. The identity before may still be good.
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
  if (typeof cluster.proxyUrl === 'string') {
    const place = `clusters[${config.getClusters().indexOf(cluster)}].cluster`;
    throw new Error(`kubeconfig: ${place}.proxy-url is not supported; remove it`);
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
    // A token file may end in a line break, which is not allowed in a header.
    headers[name.toLowerCase()] = String(value).trim();
  }
  const { ca, cert, key, rejectUnauthorized, servername } = options;
  if ([cert, key].some((pem) => pem !== undefined && !isPem(pem))) throw new TypeError('not PEM');
  const tls = { ca, cert, key, rejectUnauthorized, servername };
  return { headers, tls: Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)) };
}

/** A command can print any value as a certificate or a key. */
const isPem = (value: unknown): boolean => typeof value === 'string' || Buffer.isBuffer(value);
