/**
 * Packs executables for krew, the package manager of kubectl's plugins: an archive for each platform, and the
 * plugin's manifest with their checksums, dist/clusterfirewall.yaml.
 *
 *     node hack/krew.ts https://github.com/OWNER/NAME
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { dump } from 'js-yaml';
import { createTarGzip } from 'nanotar';
import { VERSION } from '../src/cli/version.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const PLUGIN = 'kubectl-clusterfirewall';

interface Platform {
  readonly selector: { readonly matchLabels: { readonly os: string; readonly arch: string } };
  readonly uri: string;
  readonly sha256: string;
  /** The program in the archive. */
  readonly bin: string;
}

/**
 * @param folder with executables of hack/executables.ts. Archives and manifest go there too
 * @param repository the URL of the repository that has the release
 * @returns the manifest's file, which krew wants to have the plugin's name
 */
export async function krewPlugin(folder: string, repository: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => EXECUTABLE.test(name)).sort();
  if (names.length === 0) throw new Error(`no executable in ${folder}: make executables`);
  const platforms: Platform[] = [];
  for (const name of names) platforms.push(await pack(folder, name, repository));
  const manifest = path.join(folder, 'clusterfirewall.yaml');
  await writeFile(manifest, dump({ ...HEAD, spec: { ...SPEC, homepage: repository, platforms } }));
  return manifest;
}

const EXECUTABLE = new RegExp(`^${PLUGIN}-([a-z]+)-([a-z0-9]+)(\\.exe)?$`);

const HEAD = {
  apiVersion: 'krew.googlecontainertools.github.com/v1alpha2',
  kind: 'Plugin',
  metadata: { name: 'clusterfirewall' },
};
const SPEC = {
  version: `v${VERSION}`,
  shortDescription: 'Ask and check a cluster-wide firewall of Calico policies',
  description:
    'Validates and renders ClusterFirewalls, says who is enforced, explains why a flow is allowed or refused, and lists the flows that a change opens and closes. The operator that enforces them is installed apart.',
};

async function pack(folder: string, name: string, repository: string): Promise<Platform> {
  const [, os = '', arch = '', exe = ''] = EXECUTABLE.exec(name) ?? [];
  const bin = `${PLUGIN}${exe}`;
  // The same executables give the same archive.
  const packed = await createTarGzip(
    [
      { name: bin, data: await readFile(path.join(folder, name)), attrs: { mode: '755' } },
      { name: 'LICENSE', data: await readFile(path.join(ROOT, 'LICENSE')), attrs: { mode: '644' } },
    ],
    { attrs: { mtime: 0, uid: 0, gid: 0 } },
  );
  const archive = `${PLUGIN}-${os}-${arch}.tar.gz`;
  await writeFile(path.join(folder, archive), packed);
  return {
    selector: { matchLabels: { os, arch } },
    uri: `${repository}/releases/download/v${VERSION}/${archive}`,
    sha256: createHash('sha256').update(packed).digest('hex'),
    bin,
  };
}

if (import.meta.main) {
  const [repository = ''] = process.argv.slice(2);
  if (!repository.startsWith('https://')) {
    console.error(
      'name the repository that has the release: make krew REPOSITORY=https://github.com/OWNER/NAME',
    );
    process.exit(2);
  }
  console.log(path.relative(process.cwd(), await krewPlugin(path.join(ROOT, 'dist'), repository)));
}
