/**
 * The commands in README and docs. Each command line of ours is run, without a cluster, on files of this checkout. A
 * list names the programs that cannot run here, with the reason, and knows no others.
 */
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runCommand } from './testing.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const FILES = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'charts/clusterfirewall/README.md',
  'e2e/local/README.md',
  'e2e/providers/kind/README.md',
  ...readdirSync(path.join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
].sort();

/** The first program of a command, and why no unit test runs it. */
const NOT_RUN: Readonly<Record<string, string>> = {
  kubectl: 'asks a cluster; the integration tests apply config/, and e2e/delivery installs the plugin',
  helm: 'asks a cluster; e2e/delivery/chart.test.ts runs it',
  argocd: 'asks an Argo CD; e2e/gitops runs one',
  kind: 'asks a cluster of kind',
  skopeo: 'asks a registry; e2e/delivery/image.test.ts runs it',
  ssh: 'asks a node',
  curl: 'asks a pod through a tunnel',
  printf: 'asks a cluster, through kubectl',
  npm: 'asks the registry of npm; the Makefile runs npm ci',
  node: 'starts a cluster',
  make: 'runs for minutes; CI runs test, unit, image and krew, and the target must exist',
  openssl: 'writes a key',
  'name=clusterfirewall-metrics.clusterfirewall-system.svc': 'is read by the next command',
};

interface Documented {
  readonly file: string;
  readonly command: string;
}

/** Commands of a block: without comments and the contents of here documents, and continued lines as one. */
function commandsIn(block: string): readonly string[] {
  const text = block
    .replaceAll(/<<(\w+)\n.*?^\1$/gms, '')
    .replaceAll(/\\\n\s*/g, '')
    .replaceAll(/\|\n\s*/g, '| ');
  return text
    .split('\n')
    .map((line) => line.replace(/(^|\s+)#.*$/, '').trim())
    .filter((line) => line !== '');
}

const documented: readonly Documented[] = FILES.flatMap((file) => {
  const text = readFileSync(path.join(ROOT, file), 'utf8');
  const scripts = [...text.matchAll(/^```(?:sh|bash)\n(.*?)^```/gms)].flatMap(([, block = '']) =>
    commandsIn(block),
  );
  const sessions = [...text.matchAll(/^```console\n(.*?)^```/gms)].flatMap(([, block = '']) =>
    [...block.matchAll(/^\$ (.*)$/gm)].map(([, command = '']) => command),
  );
  return [...scripts, ...sessions].map((command) => ({ file, command }));
});

const programOf = ({ command }: Documented): string => command.split(' ', 1)[0] ?? '';
const ours = documented.filter((each) => programOf(each) === 'clusterfirewall');
const others = documented.filter((each) => programOf(each) !== 'clusterfirewall');

describe('a command of ours', () => {
  const SAMPLE = path.join(ROOT, 'config/samples/wordpress.yaml');
  let folder: string;
  let files: Readonly<Record<string, string>>;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'docs-commands-'));
    const changed = path.join(folder, 'new.yaml');
    writeFileSync(changed, readFileSync(SAMPLE, 'utf8').replace('[3306]', '[3306, 5432]'));
    files = {
      'firewall.yaml': SAMPLE,
      'sync/firewall.yaml': path.join(ROOT, 'config/argocd/sync/firewall.yaml'),
      'old.yaml': SAMPLE,
      'new.yaml': changed,
      'cluster.json': path.join(import.meta.dirname, 'questions/golden/cluster.yaml'),
    };
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test.each(ours.map(({ file, command }) => [file, command] as const))('%s: %s', async (_, command) => {
    const [first = ''] = command.split(' | ');
    const argv = first
      .split(' ')
      .slice(1)
      .map((word) => files[word] ?? word);
    const { exitCode, stdout, stderr } = await runCommand(argv);
    // Without an answer, all that may be missing is a cluster.
    if (exitCode === 2) expect(stderr).toContain('no kubeconfig found');
    else expect(stdout).not.toBe('');
  });

  test('is more than a question to a cluster', () => {
    expect(ours.filter(({ command }) => /\.(?:yaml|json)\b/.test(command)).length).toBeGreaterThanOrEqual(5);
  });
});

test('every other program is in the list, and the list has no more', () => {
  expect(new Set(others.map(programOf))).toEqual(new Set(Object.keys(NOT_RUN)));
});

test('files and folders of the checkout that a command names are there', () => {
  const named = others.flatMap(
    ({ command }) => command.match(/(?<![\w./-])(?:config|charts|e2e)\/[\w./-]+/g) ?? [],
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !existsSync(path.join(ROOT, name)))).toEqual([]);
});

test('targets of make exist', () => {
  const makefile = readFileSync(path.join(ROOT, 'Makefile'), 'utf8');
  const targets = others.flatMap(({ command }) => /^make ([a-z0-9-]+)/.exec(command)?.[1] ?? []);
  expect(targets.filter((target) => !makefile.includes(`\n${target}:`))).toEqual([]);
});

test('no document leads to a name in a public registry, which is not ours', () => {
  const leading =
    /\b(?:npx|npm (?:install|i|exec)|yarn add|pnpm add|brew install|go install|docker (?:pull|run)|krew install|helm repo add)\s+(?!--manifest)[^\n`]*clusterfirewall/;
  for (const file of FILES) {
    const text = readFileSync(path.join(ROOT, file), 'utf8');
    expect({ file, leads: leading.exec(text)?.[0] }).toEqual({ file, leads: undefined });
  }
  expect('npx --yes clusterfirewall').toMatch(leading);
});
