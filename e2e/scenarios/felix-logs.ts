import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { StartedCluster } from '../cluster.ts';

/**
 * Felix's messages about an object that it leaves out, or tables that it could not program. It retries, and
 * removes the tables in between.
 */
const COMPLAINTS = /Validation failed|Failed to run nft transaction|Failed to program (?:nf|ip)tables/;

/** Lines of Felix's logs in a cluster that no policy should have caused; at most 200 characters each. */
export async function complaints({ workDir }: StartedCluster): Promise<readonly string[]> {
  const logs = path.join(workDir, 'logs');
  const names = (await readdir(logs)).filter((name) => name.startsWith('felix-'));
  const texts = await Promise.all(names.map((name) => readFile(path.join(logs, name), 'utf8')));
  return texts.flatMap((text, i) =>
    text
      .split('\n')
      .filter((line) => COMPLAINTS.test(line))
      .map((line) => `${names[i]}: ${line.slice(0, 200)}`),
  );
}
