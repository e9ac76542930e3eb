import path from 'node:path';
import { cacheRoot } from '../local/build/binaries.ts';

/** Where a running demo answers `probe` and `stop`, one word a connection. */
export const SOCKET = path.join(cacheRoot(), 'demo.sock');

/** What the holding process tells the one that started it, once. */
export type Progress = { readonly text: string; readonly failed?: undefined } | { readonly failed: string };
