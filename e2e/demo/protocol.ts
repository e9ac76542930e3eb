import path from 'node:path';
import { cacheRoot } from '../local/build/binaries.ts';

/** The socket on which a running demo answers `probe` and `stop`, one word a connection. */
export const SOCKET = path.join(cacheRoot(), 'demo.sock');

/** The single message of the holding process to the one that started it. */
export type Progress = { readonly text: string; readonly failed?: undefined } | { readonly failed: string };
