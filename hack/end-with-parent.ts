/**
 * Preloaded into Jest and its workers, because workers outlive a Jest that was killed. Ends the process
 * within a second after its parent. A thread checks, because a property can keep the main thread busy for a
 * minute.
 */
import { isMainThread, Worker, workerData } from 'node:worker_threads';

if (isMainThread) new Worker(new URL(import.meta.url), { workerData: process.ppid, execArgv: [] }).unref();
else {
  setInterval(() => {
    if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL');
  }, 1000);
}
