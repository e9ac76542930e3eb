/** The image that `make image` builds: what is in it, how it runs, and its way through a registry. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { buildImage, type BuiltImage } from '../../hack/image.ts';
import { freePort } from '../harness/operator-process.ts';
import { prepareBinaries } from '../local/build/binaries.ts';
import { waitFor } from '../wait.ts';

const run = promisify(execFile);
const PLATFORMS = ['linux/amd64', 'linux/arm64'];
const OWN = process.arch === 'arm64' ? 'arm64' : 'amd64';

// Nothing here is quick on a machine that is busy with other tests.
jest.setTimeout(600_000);

let work: string;
let image: BuiltImage;
/** The files of the image for this machine. */
let root: string;

beforeAll(async () => {
  work = await mkdtemp(path.join(os.tmpdir(), 'image-test-'));
  image = await buildImage(PLATFORMS, path.join(work, 'first'));
  root = path.join(work, 'root');
  await unpack();
}, 600_000);

afterAll(async () => {
  await rm(work, { recursive: true });
});

/** Buildah mounts it. A copy of that is what a container would see. */
async function unpack(): Promise<void> {
  const storage = ['root', 'runroot'].flatMap((each) => [`--${each}`, path.join(work, 'storage', each)]);
  const buildah = async (...args: readonly string[]): Promise<string> =>
    (await run('buildah', [...storage, '--storage-driver', 'vfs', ...args])).stdout.trim();
  const container = await buildah('from', '--arch', OWN, `oci-archive:${image.archive}`);
  const mounted = await buildah('mount', container);
  await run('cp', ['--archive', mounted, root]);
  await buildah('umount', container);
}

test('the same source gives the same digest again', async () => {
  expect((await buildImage(PLATFORMS, path.join(work, 'second'))).digest).toBe(image.digest);
});

test('it is an index of both architectures, for a user without rights', async () => {
  const inspect = async (architecture: string): Promise<Inspected> => {
    const args = ['inspect', '--config', '--override-arch', architecture, `oci-archive:${image.archive}`];
    return JSON.parse((await run('skopeo', args)).stdout) as Inspected;
  };
  for (const architecture of ['amd64', 'arm64']) {
    const { architecture: own, config } = await inspect(architecture);
    expect(own).toBe(architecture);
    expect(config.User).toBe('65532:65532');
    expect(config.Entrypoint).toEqual(['node', '/clusterfirewall.js']);
    expect(config.Labels).toMatchObject({ 'org.opencontainers.image.licenses': 'Apache-2.0' });
  }
});

interface Inspected {
  readonly architecture: string;
  readonly config: {
    readonly User: string;
    readonly Entrypoint: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
  };
}

test('it runs read-only as that user, with nothing else than Node', async () => {
  const enter = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec env -i "$@"';
  const command = ['/usr/sbin/chroot', '--userspec=65532:65532', root];
  const inside = (...args: readonly string[]) =>
    run('unshare', ['--mount', '--net', 'sh', '-c', enter, root, ...command, ...args]);
  const { stdout } = await inside('/usr/local/bin/node', '/clusterfirewall.js', '--version');
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  const shells = (await readdir(root, { recursive: true })).filter((each) =>
    /(^|\/)s?bin\/(?!node$)/.test(each),
  );
  expect(shells).toEqual([]);
});

test('its bill of materials names what is in it', async () => {
  const text = await readFile(path.join(work, 'first', `sbom-${OWN}.cdx.json`), 'utf8');
  const { components } = JSON.parse(text) as { readonly components: readonly { readonly purl: string }[] };
  const purls = components.map((each) => each.purl);
  const licences = await readFile(path.join(root, 'THIRD_PARTY_LICENSES.txt'), 'utf8');
  const bundled = [...licences.matchAll(/^(\S+) (\d+\.\d+\.\d+\S*) \([^)]+\)$/gm)].map(
    ([, name = '', version = '']) => `pkg:npm/${name.replace('@', '%40')}@${version}`,
  );
  expect(bundled.length).toBeGreaterThan(20);
  expect(purls).toEqual(expect.arrayContaining(bundled));
  const records = await readdir(path.join(root, 'var/lib/dpkg/status.d'));
  expect(purls.filter((each) => each.startsWith('pkg:deb/'))).toHaveLength(records.length);
  for (const name of records) {
    expect(purls).toContainEqual(expect.stringContaining(`pkg:deb/debian/${name}@`));
    const copyright = await readFile(path.join(root, 'usr/share/doc', name, 'copyright'), 'utf8');
    expect(copyright).not.toBe('');
  }
});

test('it goes through a registry unchanged', async () => {
  const binaries = await prepareBinaries(['crane']);
  const address = `127.0.0.1:${await freePort()}`;
  const registry = serve(binaries.path('crane'), address);
  try {
    const answers = async () => (await fetch(`http://${address}/v2/`)).ok || undefined;
    await waitFor(answers, { what: 'the registry', within: 30_000 });
    const place = `docker://${address}/clusterfirewall:test`;
    await run('skopeo', [
      ...['copy', '--all', '--preserve-digests', '--dest-tls-verify=false'],
      ...[`oci-archive:${image.archive}`, place],
    ]);
    const { stdout } = await run('skopeo', ['inspect', '--raw', '--tls-verify=false', place]);
    expect(`sha256:${createHash('sha256').update(stdout).digest('hex')}`).toBe(image.digest);
  } finally {
    registry.kill();
  }
});

/** It must not outlive a killed test run. */
const serve = (crane: string, address: string): ChildProcess =>
  spawn('setpriv', ['--pdeathsig', 'TERM', crane, 'registry', 'serve', '--address', address], {
    stdio: 'ignore',
  });
