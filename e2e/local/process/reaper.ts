/**
 * Waits until the process that started a cluster is gone, however it ended, and removes its leftovers.
 * Argument: the run's folder.
 */
import { openRun, removeRun } from './run.ts';

const dir = process.argv[2];
if (dir === undefined) throw new Error('usage: reaper.ts RUN_DIR');
process.stdin.resume();
process.stdin.once('close', () => {
  void removeRun(openRun(dir));
});
