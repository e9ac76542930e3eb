/**
 * Runs next to etcd and compacts it up to its present revision, through its JSON gateway (etcd, "gRPC
 * gateway"). etcd answers `physical` when the old revisions are gone. Argument: etcd's URL.
 */
const [url = ''] = process.argv.slice(2);

async function post(path: string, body: object): Promise<unknown> {
  const response = await fetch(new URL(path, url), { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

const key = Buffer.from('/').toString('base64');
const answer = (await post('/v3/kv/range', { key, count_only: true })) as {
  readonly header: { readonly revision: string };
};
await post('/v3/kv/compaction', { revision: answer.header.revision, physical: true });
