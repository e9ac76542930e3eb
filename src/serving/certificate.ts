import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Server } from 'node:https';
import type { Clock } from '../cluster/clock.ts';
import type { Logger } from '../cluster/logger.ts';
import { messageOf } from '../cluster/errors.ts';

export interface CertificateOptions {
  /** With `tls.crt` and `tls.key` in PEM, as a volume of a Secret of type kubernetes.io/tls has them. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The time between two looks at the files. A look finds what a notification can miss: kubelet swaps symbolic
 * links.
 */
export const LOOK_MS = 10_000;

/**
 * Gives the server the certificate of the folder, and again whenever the files change. While they are missing
 * or do not fit, the server keeps the former certificate, or has none and refuses everybody. Resolves after
 * the first look, to a function that ends it.
 */
export async function followCertificate(server: Server, options: CertificateOptions): Promise<() => void> {
  const { folder, clock, log } = options;
  let [present, problem] = ['', ''];
  let stop = (): void => undefined;
  let stopped = false;

  const look = async (): Promise<void> => {
    try {
      const cert = await readFile(path.join(folder, 'tls.crt'), 'utf8');
      const key = await readFile(path.join(folder, 'tls.key'), 'utf8');
      if (`${cert}${key}` !== present) {
        // A key of another certificate is refused here, and the server keeps what it has.
        server.setSecureContext({ cert, key });
        present = `${cert}${key}`;
        log.info({ folder }, 'metrics: certificate read');
      }
      problem = '';
    } catch (error) {
      const found = messageOf(error);
      if (found !== problem) log.warn({ folder, problem: found }, 'metrics: certificate not usable');
      problem = found;
    }
  };
  const lookAgain = async (): Promise<void> => {
    await look();
    if (!stopped) stop = clock.setTimeout(() => void lookAgain(), LOOK_MS);
  };
  await lookAgain();
  return () => {
    stopped = true;
    stop();
  };
}
