/**
 * Writes the objects of a file as fast as it can and prints the milliseconds. Arguments: kubeconfig, file,
 * field manager. It is a fresh process, like the operator.
 */
import { readFile } from 'node:fs/promises';
import { apply } from '../../src/cluster/objects/apply.ts';
import { forEachLimit } from '../../src/cluster/parallel.ts';
import { connect } from '../harness/connect.ts';
import { resourceOf, type Generated } from './generated.ts';

/** The operator's own limit of parallel writes. */
const AT_ONCE = 8;

const [kubeconfig = '', file = '', fieldManager = ''] = process.argv.slice(2);
const all = JSON.parse(await readFile(file, 'utf8')) as readonly Generated[];
const client = connect(kubeconfig);
const began = performance.now();
// A policy needs its tier first. The other objects have no order here.
const tiers = all.filter(({ kind }) => kind === 'Tier');
const others = all.filter(({ kind }) => kind !== 'Tier');
for (const objects of [tiers, others]) {
  await forEachLimit(objects, AT_ONCE, async (each) => {
    await apply(client, resourceOf(each), each.object, { fieldManager, force: true });
  });
}
process.stdout.write(String(performance.now() - began));
await client.close();
