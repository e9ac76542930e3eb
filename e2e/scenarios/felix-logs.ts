import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { StartedCluster } from '../cluster.ts';

/** What Felix says when it leaves out an object, or could not program its tables: it tries again, and takes them away in between. */
const COMPLAINTS = /Validation failed|Failed to run nft transaction|Failed to program (?:nf|ip)tables/;

/** Lines of the Felix logs of a cluster that no policy should have led to; at most 200 characters each. */
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
