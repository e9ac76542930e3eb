/**
 * Starts a local cluster in the foreground, prints its access data on standard output, and removes it on
 * Ctrl-C. Argument: how Calico is served, `aggregated` (default), `crd-only` or `none`.
 */
import { once } from 'node:events';
import { localCluster } from '../providers/local.ts';

const mode = process.argv[2] ?? 'aggregated';
if (mode !== 'aggregated' && mode !== 'crd-only' && mode !== 'none') {
  throw new Error(`no mode ${mode}; there are aggregated, crd-only and none`);
}
const started = performance.now();
const cluster = await localCluster({ calico: { mode } }).start();
const seconds = ((performance.now() - started) / 1000).toFixed(1);
process.stderr.write(`ready after ${seconds} s; logs in ${cluster.workDir}/logs; Ctrl-C removes it\n`);
process.stdout.write(`export KUBECONFIG=${cluster.kubeconfig}\n`);
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
await cluster.stop();
