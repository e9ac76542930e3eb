/** Writes the objects of a file as fast as it can; prints the milliseconds. Arguments: kubeconfig, file, field manager. A fresh process, as the operator is. */
import { readFile } from 'node:fs/promises';
import { apply } from '../../src/cluster/objects/apply.ts';
import { forEachLimit } from '../../src/cluster/parallel.ts';
import { connect } from '../harness/connect.ts';
import { resourceOf, type Generated } from './generated.ts';

/** As many at a time as the operator writes. */
const AT_ONCE = 8;

const [kubeconfig = '', file = '', fieldManager = ''] = process.argv.slice(2);
const all = JSON.parse(await readFile(file, 'utf8')) as readonly Generated[];
const client = connect(kubeconfig);
const began = performance.now();
// A policy cannot be before its tier; nothing else has an order here.
const tiers = all.filter(({ kind }) => kind === 'Tier');
const others = all.filter(({ kind }) => kind !== 'Tier');
for (const objects of [tiers, others]) {
  await forEachLimit(objects, AT_ONCE, async (each) => {
    await apply(client, resourceOf(each), each.object, { fieldManager, force: true });
  });
}
process.stdout.write(String(performance.now() - began));
await client.close();
