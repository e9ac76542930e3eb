import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadAll } from 'js-yaml';
import { runCommand } from './testing.ts';

const GOOD = `apiVersion: clusterfirewall.io/v1alpha1
kind: ClusterFirewall
metadata:
  name: default
spec:
  mode: Enforce
  namespaces:
    - name: blog
      namespaces: [wordpress]
      ingress:
        - { name: web, pods: {}, from: [{ ipBlock: { cidr: 198.51.100.0/24 } }], ports: [80] }
`;
const UNKNOWN_PEER = GOOD.replace('ipBlock: { cidr: 198.51.100.0/24 }', 'peer: office');
const CLUSTER = `apiVersion: v1
kind: Namespace
metadata: { name: wordpress, labels: { kubernetes.io/metadata.name: wordpress } }
---
apiVersion: v1
kind: Node
metadata: { name: node1 }
status: { addresses: [{ type: InternalIP, address: 192.0.2.1 }] }
`;

let folder: string;
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'clusterfirewall-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('validate', () => {
  test('confirms a valid manifest', async () => {
    expect(await runCommand(['validate', '-f', file('good.yaml', GOOD)])).toEqual({
      exitCode: 0,
      stdout: 'valid: default\n',
      stderr: '',
    });
  });

  test('reads standard input, and names it so', async () => {
    const { exitCode, stderr } = await runCommand(['validate', '-f', '-'], {
      stdin: GOOD.replace('Enforce', 'enforce'),
    });
    expect(exitCode).toBe(1);
    expect(stderr).toBe('<stdin>:6: spec.mode: "enforce" is unknown here: did you mean "Enforce"?\n');
  });

  test('validates all files together, and names the file of each diagnostic', async () => {
    const team = file(
      'team.yaml',
      UNKNOWN_PEER.replace('name: default', 'name: team-a').replace('wordpress', 'ghost'),
    );
    const { exitCode, stderr } = await runCommand(['validate', '-f', file('a.yaml', GOOD), '-f', team]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(
      `${team}:11: spec.namespaces[0].ingress[0].from[0].peer: peer "office" is not in spec.peers`,
    );
  });

  test('a problem of the compiler fails, a warning does not', async () => {
    const good = file('good.yaml', GOOD);
    const empty = file('empty.yaml', CLUSTER.replaceAll('wordpress', 'other'));
    const warned = await runCommand(['validate', '-f', good, '--inventory', empty]);
    expect(warned).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^valid: default\n/) });
    expect(warned.stderr).toContain(
      `${good}:9: warning: spec.namespaces[0].namespaces[0]: namespace "wordpress"`,
    );
    const problem = file('problem.yaml', UNKNOWN_PEER);
    expect(await runCommand(['validate', '-f', problem])).toMatchObject({ exitCode: 1, stdout: '' });
  });

  test('two firewalls of one name are refused, in one file or in two', async () => {
    const [one, two] = [file('one.yaml', GOOD), file('two.yaml', GOOD)];
    const { exitCode, stderr } = await runCommand(['validate', '-f', one, '-f', two]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(
      `${two}:4: metadata.name: "default" is also the name of the ClusterFirewall at ${one}:4`,
    );
  });

  test.each([
    ['missing.yaml', undefined, 2, 'there is no such file'],
    ['binary.yaml', Uint8Array.of(1, 0, 2), 2, 'is a binary file'],
    ['latin1.yaml', Uint8Array.of(0x6b, 0x3a, 0x20, 0xe9), 2, 'is not UTF-8 text'],
    ['comment.yaml', '# nothing\n', 2, 'contains no ClusterFirewall: write one of'],
    ['broken.yaml', 'a: [1\nb: 2\n', 1, ':2: is not valid YAML'],
  ])('%s is refused with one clear line', async (name, content, code, message) => {
    const path = content === undefined ? join(folder, name) : file(name, content);
    const { exitCode, stdout, stderr } = await runCommand(['validate', '-f', path]);
    expect({ exitCode, stdout, lines: stderr.trimEnd().split('\n').length }).toEqual({
      exitCode: code,
      stdout: '',
      lines: 1,
    });
    expect(stderr).toContain(message);
  });

  test('one unreadable file does not hide the problems of the next', async () => {
    const bad = file('bad.yaml', GOOD.replace('Enforce', 'enforce'));
    const { stderr } = await runCommand(['validate', '-f', join(folder, 'missing.yaml'), '-f', bad]);
    expect(stderr.trimEnd().split('\n')).toHaveLength(2);
  });

  test('the inventory is validated, too', async () => {
    const good = file('good.yaml', GOOD);
    const cluster = file('cluster.yaml', 'kind: Node\nmetadata: {}\n');
    const { exitCode, stderr } = await runCommand(['validate', '-f', good, '--inventory', cluster]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`${cluster}:2: metadata.name: is missing in a Node`);
    expect(await runCommand(['validate', '-', '--inventory', '-'])).toMatchObject({ exitCode: 2 });
  });

  test('uses colours only on a terminal that wants them', async () => {
    const bad = file('bad.yaml', GOOD.replace('Enforce', 'enforce'));
    const plain = await runCommand(['validate', '-f', bad]);
    const colored = await runCommand(['validate', '-f', bad], { color: true });
    expect(plain.stderr).not.toContain('\u001b[');
    expect(colored.stderr).toContain(`\u001b[`);
  });
});

describe('files', () => {
  const DEPLOYMENT = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\n';
  const TEAM = GOOD.replace('name: default', 'name: team').replace('name: blog', 'name: team');
  const tree = (name: string, files: Readonly<Record<string, string>>): string => {
    const root = join(folder, name);
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    }
    return root;
  };

  test('are named with -f or without', async () => {
    const [one, two] = [file('one.yaml', GOOD), file('two.yaml', TEAM)];
    for (const argv of [
      [one, two],
      ['-f', one, two],
      [one, '-f', two],
      [one, two, '-f', one],
    ]) {
      const ran = await runCommand(['validate', ...argv]);
      expect(ran).toEqual({ exitCode: 0, stdout: 'valid: default, team\n', stderr: '' });
    }
  });

  test('a folder stands for the manifests directly in it, by name', async () => {
    const root = tree('folder', {
      'b.yml': TEAM.replace('Enforce', 'enforce'),
      'a.yaml': GOOD.replace('Enforce', 'enforce'),
      'c.json': JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap' }),
      'kustomization.yaml': 'resources: [a.yaml]\n',
      'README.md': 'no: manifest\n',
      'deeper/d.yaml': 'kind: nonsense\n',
    });
    const { exitCode, stderr } = await runCommand(['validate', root, join(root, 'a.yaml')]);
    expect(exitCode).toBe(1);
    expect(stderr.trimEnd().split('\n')).toEqual([
      expect.stringContaining(`${join(root, 'a.yaml')}:6: spec.mode: `),
      expect.stringContaining(`${join(root, 'b.yml')}:6: spec.mode: `),
      'skipped 1 object of another API group: ConfigMap (v1)',
    ]);
  });

  test('a folder without a manifest is refused', async () => {
    const root = tree('empty', { 'deeper/a.yaml': GOOD });
    const { exitCode, stderr } = await runCommand(['validate', root]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: `${root}: is a folder without a file that ends in .yaml, .yml or .json: folders in it are not searched, so name the one you mean\n`,
    });
  });

  test('a List is unfolded, with the lines of its items, and lists of other groups are not', async () => {
    const item = (text: string) => text.trimEnd().replaceAll(/^/gm, '    ').replace('    ', '  - ');
    const list = `apiVersion: v1\nkind: List\nitems:\n${item(GOOD)}\n${item(TEAM.replace('ports: [80]', 'port: [80]'))}\n`;
    const { exitCode, stderr } = await runCommand(['validate', '-'], { stdin: list });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('<stdin>:25: spec.namespaces[0].ingress[0].port: unknown field');
    const pods = '---\napiVersion: v1\nkind: PodList\nitems: [{ metadata: { name: a } }]\n';
    expect(
      await runCommand(['validate', '-'], { stdin: `${list.replace('port:', 'ports:')}${pods}` }),
    ).toEqual({
      exitCode: 0,
      stdout: 'valid: default, team\n',
      stderr: 'skipped 1 object of another API group: PodList (v1)\n',
    });
  });

  test('objects of other API groups are skipped and counted, or refused', async () => {
    const mixed = file('mixed.yaml', [DEPLOYMENT, GOOD, DEPLOYMENT].join('---\n'));
    expect(await runCommand(['validate', mixed])).toEqual({
      exitCode: 0,
      stdout: 'valid: default\n',
      stderr: 'skipped 2 objects of other API groups: Deployment (apps/v1)\n',
    });
    const json = await runCommand(['validate', mixed, '-o', 'json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ valid: true, skipped: 2, findings: [] });
    const rendered = await runCommand(['render', mixed]);
    expect(rendered).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('skipped 2 objects') });
    const strict = await runCommand(['validate', mixed, '--strict']);
    expect(strict.exitCode).toBe(1);
    expect(strict.stderr).toContain(`${mixed}:2: kind: is "Deployment" of apps/v1: only ClusterFirewall`);
    expect(await runCommand(['render', mixed, '--strict'])).toMatchObject({ exitCode: 2, stdout: '' });
    const baseline = await runCommand(['baseline', mixed]);
    expect(baseline).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('skipped 2 objects') });
  });

  test.each([
    ['apiVersion: clusterfirewall.io/v1alpha1\nkind: ClusterFirewal\n', 'kind: is "ClusterFirewal" of'],
    ['apiVersion: clusterfirewall.io/v1beta1\nkind: ClusterFirewall\n', 'this release does not know'],
    ['apiVersion: clusterfirewal.io/v1alpha1\nkind: ClusterFirewall\n', 'is in clusterfirewall.io'],
    ['apiVersion: ClusterFirewall.io/v1alpha1\nkind: Firewall\n', 'kind: is "Firewall" of'],
    ['apiVersion: v1\n', 'kind: is required'],
    ['kind: Deployment\n', 'kind: is "Deployment": only'],
  ])('%j is ours, or nobody’s, and is never skipped', async (other, message) => {
    const { exitCode, stderr } = await runCommand(['validate', '-'], { stdin: `${GOOD}---\n${other}` });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(message);
  });

  test('a run that finds no ClusterFirewall is an error', async () => {
    const files = [file('one.yaml', DEPLOYMENT), file('two.yaml', '# nothing\n')];
    for (const command of ['validate', 'render', 'baseline']) {
      const { exitCode, stdout, stderr } = await runCommand([command, ...files]);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
      expect(stderr).toContain(
        'one.yaml: contains no ClusterFirewall, nor does a file after it: write one of clusterfirewall.io/v1alpha1\n',
      );
    }
    const list = await runCommand(['validate', '-'], { stdin: 'apiVersion: v1\nkind: List\nitems: []\n' });
    expect(list).toMatchObject({ exitCode: 2, stdout: '' });
  });
});

describe('validate warns', () => {
  const warned = async (spec: string, ...others: readonly string[]): Promise<string> => {
    const head = GOOD.slice(0, GOOD.indexOf('  mode:'));
    const { exitCode, stderr } = await runCommand(['validate', file('spec.yaml', head + spec), ...others]);
    expect(exitCode).toBe(0);
    return stderr;
  };
  const CLOSES = 'warning: spec.mode: Enforce without a rule closes every namespace';

  test('at mode: Enforce alone, and not once something opens', async () => {
    expect(await warned('  mode: Enforce\n')).toMatch(`spec.yaml:6: ${CLOSES}`);
    expect(await warned('  mode: Enforce\n  namespaces: [{ name: a, namespaces: [a] }]\n')).toMatch(CLOSES);
    expect(await warned('  mode: Observe\n')).toBe('');
    expect(await warned('  mode: Enforce\n  defaults: { deny: None }\n')).toBe('');
    const group = '{ name: a, namespaces: [a], isolation: SameNamespace }';
    expect(await warned(`  mode: Enforce\n  namespaces: [${group}]\n`)).toBe('');
    const team = file('team.yaml', GOOD.replace('name: default', 'name: team'));
    expect(await warned('  mode: Enforce\n', team)).toBe('');
  });

  test('at zones: []', async () => {
    const nodes = (mode: string, zones: string) =>
      `  mode: Observe\n  nodes:\n    mode: ${mode}\n    zones: ${zones}\n`;
    expect(await warned(nodes('Enforce', '[]'))).toMatch('spec.yaml:9: warning: spec.nodes.zones: is empty');
    expect(await warned(nodes('Observe', '[]'))).toBe('');
  });

  test('above the size that kubectl takes', async () => {
    const cidrs = Array.from(
      { length: 16_000 },
      (_, index) => `10.${String(index >> 8)}.${String(index & 255)}.0/24`,
    );
    const peers = Array.from({ length: 16 }, (_, index) => {
      const its = cidrs.slice(index * 1000, (index + 1) * 1000).join(', ');
      return `    - { name: p${String(index)}, cidrs: [${its}] }\n`;
    });
    const stderr = await warned(`  mode: Observe\n  peers:\n${peers.join('')}`);
    expect(stderr).toMatch(/spec.yaml:1: warning: has 2[0-9]{2},[0-9]{3} bytes as JSON. kubectl apply keeps/);
  });
});

describe('a summary', () => {
  const namespace = (name: string) =>
    `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${name}, labels: { kubernetes.io/metadata.name: ${name} } }\n`;
  const node = `apiVersion: v1
kind: Node
metadata: { name: cp1, labels: { node-role.kubernetes.io/control-plane: '' } }
status: { addresses: [{ type: InternalIP, address: 10.0.0.5 }] }
`;
  const inventory = (): string =>
    file(
      'cluster.yaml',
      [...['wordpress', 'shop', 'canary', 'kube-system'].map(namespace), node].join('---\n'),
    );
  const FULL = `${GOOD}    - { name: canary, namespaces: [canary], mode: Observe }\n  nodes: { mode: Enforce }\n`;

  test('says what the manifests do with the cluster of the inventory', async () => {
    const manifest = file('full.yaml', FULL);
    const { exitCode, stdout } = await runCommand(['validate', manifest, '--inventory', inventory()]);
    const lines = stdout.trimEnd().split('\n');
    expect(exitCode).toBe(0);
    expect(lines.slice(0, 3)).toEqual([
      'valid: default',
      'pods: 2 namespaces enforced; 1 (shop) of these closed without a rule; 1 (canary) observed; 1 (kube-system) exempt',
      'nodes: Enforce on 1 (cp1); host endpoints: Managed; failsafes that stay open whatever rules say: 22/TCP, 179/TCP, 2379/TCP, 2380/TCP, 5473/TCP, 6443/TCP, 6666/TCP, 6667/TCP',
    ]);
    expect(lines.slice(3)).toContainEqual(expect.stringContaining('nodes: rules apply to addresses of load'));
    const rendered = await runCommand(['render', manifest, '--inventory', inventory()]);
    expect(rendered.stderr).toBe(`${lines.slice(1).join('\n')}\n`);
    const json = await runCommand(['validate', manifest, '--inventory', inventory(), '-o', 'json']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      summary: {
        pods: { deny: 'Both', enforced: ['shop', 'wordpress'], withoutRule: ['shop'] },
        nodes: { mode: 'Enforce', selected: ['cp1'], failsafesOpen: expect.arrayContaining(['22/TCP']) },
      },
    });
  });

  test('names nodes that can have no host endpoints, and is there although a rule has a problem', async () => {
    const cluster = `${node}---
apiVersion: v1
kind: Node
metadata: { name: win1, labels: { kubernetes.io/os: windows } }
status: { addresses: [{ type: InternalIP, address: 10.0.0.6 }] }
`;
    const unknownPeer =
      '    - { name: shop, namespaces: [shop], egress: [{ name: out, pods: {}, to: [{ peer: nope }], ports: [80] }] }\n';
    const manifest = file('problem.yaml', `${GOOD}${unknownPeer}  nodes: { mode: Enforce }\n`);
    const asked = ['validate', manifest, '--inventory', file('windows.yaml', cluster)];
    const { exitCode, stdout } = await runCommand(asked);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(
      /^pods: .*\nnodes: Enforce on 1 \(cp1\); .*\nnodes: Calico has no host endpoints on win1/,
    );
    const json = await runCommand([...asked, '-o', 'json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ summary: { nodes: { unsupported: ['win1'] } } });
  });

  test.each([
    ['Enforce', 'that are open whatever rules say, until failsafes: Managed narrows them: 22/TCP'],
    ['Observe', 'that stay open whatever rules say: 22/TCP'],
  ])('says of failsafes that are to be narrowed in %s', async (mode, said) => {
    const nodes = `nodes: { mode: ${mode}, failsafes: Managed, nodeCIDRs: [], breakGlass: [{ peer: ops }] }`;
    const manifest = file(
      'managed.yaml',
      `${GOOD}  peers: [{ name: ops, cidrs: [198.51.100.0/24] }]\n  ${nodes}\n`,
    );
    const { stdout } = await runCommand(['validate', manifest, '--inventory', inventory()]);
    expect(stdout).toContain(`failsafes ${said}`);
  });

  test.each([
    [
      '{ deny: None }',
      '2 namespaces enforced for guardrails alone (defaults.deny is None); 1 (canary) observed',
    ],
    ['{ deny: Ingress }', '2 namespaces enforced for ingress alone; 1 (shop) of these closed without a rule'],
  ])('of defaults %s', async (defaults, line) => {
    const manifest = file(
      'full.yaml',
      FULL.replace('mode: Enforce', `mode: Enforce\n  defaults: ${defaults}`),
    );
    const { stdout } = await runCommand(['validate', manifest, '--inventory', inventory()]);
    expect(stdout).toContain(`pods: ${line}`);
  });

  test('of every obstacle at nodes', async () => {
    const endpoint = `apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: { name: eth0 }\nspec: { node: cp1, interfaceName: eth0, expectedIPs: [10.0.0.5] }\n`;
    const policy = `apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: { name: perimeter }\nspec: { selector: all(), preDNAT: true, applyOnForward: true, types: [Ingress], ingress: [{ action: Deny }] }\n`;
    const cluster = file('hosts.yaml', [namespace('wordpress'), node, endpoint, policy].join('---\n'));
    const { exitCode, stderr } = await runCommand([
      'validate',
      file('full.yaml', FULL),
      '--inventory',
      cluster,
    ]);
    expect(exitCode).toBe(0);
    expect(stderr).toContain(
      'warning: spec.nodes: GlobalNetworkPolicy/perimeter would apply to host endpoints',
    );
    expect(stderr).toContain(
      'warning: spec.nodes: HostEndpoint/eth0 (node cp1, interface eth0) would conflict',
    );
  });

  test('is not given without an inventory', async () => {
    const { stdout } = await runCommand(['validate', file('full.yaml', FULL)]);
    expect(stdout).toBe('valid: default\n');
  });
});

describe('validate --output json', () => {
  const validated = async (...argv: readonly string[]) => {
    const { exitCode, stdout, stderr } = await runCommand(['validate', '-o', 'json', ...argv]);
    expect(stderr).toBe('');
    return { exitCode, ...(JSON.parse(stdout) as object) };
  };

  test('confirms a valid manifest', async () => {
    expect(await validated('-f', file('good.yaml', GOOD))).toEqual({
      exitCode: 0,
      valid: true,
      firewalls: ['default'],
      skipped: 0,
      findings: [],
    });
  });

  test('reports the place, the firewall and the reason of each finding, in the order of files and lines', async () => {
    const two = GOOD.replace('mode: Enforce', 'mode: enforce').replace('ports: [80]', 'port: [80]');
    const [one, other] = [file('one.yaml', `---\n---\n${two}`), join(folder, 'missing.yaml')];
    expect(await validated('-f', other, '-f', one)).toEqual({
      exitCode: 2,
      valid: false,
      firewalls: [],
      skipped: 0,
      findings: [
        {
          severity: 'problem',
          file: other,
          path: '',
          reason: 'Unreadable',
          message: 'there is no such file',
        },
        {
          severity: 'problem',
          file: one,
          document: 2,
          line: 8,
          firewall: 'default',
          path: 'spec.mode',
          reason: 'Invalid',
          message: '"enforce" is unknown here: did you mean "Enforce"?',
        },
        ...['ports', 'port'].map((field) => ({
          severity: 'problem',
          file: one,
          document: 2,
          line: 13,
          firewall: 'default',
          path: `spec.namespaces[0].ingress[0].${field}`,
          reason: 'Invalid',
          message: expect.any(String),
        })),
      ],
    });
  });

  test('has the reasons of the compiler, and warnings that do not make it invalid', async () => {
    expect(await validated('-f', file('peer.yaml', UNKNOWN_PEER))).toMatchObject({
      exitCode: 1,
      valid: false,
      firewalls: ['default'],
      findings: [{ severity: 'problem', reason: 'UnknownPeer', document: 1, line: 11 }],
    });
    const empty = file('empty.yaml', CLUSTER.replaceAll('wordpress', 'other'));
    expect(await validated('-f', file('good.yaml', GOOD), '--inventory', empty)).toMatchObject({
      exitCode: 0,
      valid: true,
      findings: [{ severity: 'warning', reason: 'NamespaceNotFound', firewall: 'default' }],
    });
  });
});

describe('render', () => {
  test('prints the objects, in the same bytes each time', async () => {
    const argv = ['render', '-f', file('good.yaml', GOOD), '--inventory', file('cluster.yaml', CLUSTER)];
    const rendered = await runCommand(argv);
    expect(rendered).toMatchObject({
      exitCode: 0,
      stderr: 'pods: 1 namespace enforced; 0 of these closed without a rule; 0 observed; 0 exempt\n',
    });
    expect(await runCommand(argv)).toEqual(rendered);
    const objects = loadAll(rendered.stdout) as object[];
    expect(objects.map((object) => Object.keys(object).join())).toEqual(
      objects.map(() => 'apiVersion,kind,metadata,spec'),
    );
    expect(objects).toContainEqual(expect.objectContaining({ kind: 'GlobalNetworkPolicy' }));
    expect(rendered.stdout).not.toMatch(/[>|]-?$/m);
  });

  test('leaves out a rule with a problem, reports it, and exits with 3', async () => {
    const { exitCode, stdout, stderr } = await runCommand(['render', '-f', file('bad.yaml', UNKNOWN_PEER)]);
    expect(exitCode).toBe(3);
    expect(stderr).toContain('peer "office" is not in spec.peers');
    expect(stdout).not.toContain('default/blog/ingress/web');
    expect(stdout).toContain('kind: GlobalNetworkPolicy');
  });

  test('prints nothing for invalid input', async () => {
    const bad = file('bad.yaml', GOOD.replace('mode', 'mod'));
    expect(await runCommand(['render', '-f', bad])).toMatchObject({ exitCode: 2, stdout: '' });
  });
});

describe('the command line', () => {
  test('--version is the package’s', async () => {
    const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    const { version } = JSON.parse(manifest) as { version: string };
    expect(await runCommand(['--version'])).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
  });

  test.each([
    ['--help'],
    ['run', '--help'],
    ['baseline', '--help'],
    ['counters', '--help'],
    ['render', '--help'],
    ['check', '--help'],
    ['completion', '--help'],
    ['status', '--help'],
    ['uninstall', '--help'],
    ['version', '--help'],
    ['validate', '--help'],
  ])('%s %s shows examples', async (...argv) => {
    const { exitCode, stdout } = await runCommand(argv);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Examples:');
    expect(stdout).toContain('$ ');
  });

  test.each([
    [[], 'Usage:'],
    [['validate'], 'name at least one manifest'],
    [['validate', '-f'], 'argument missing'],
    [['rendr'], 'Did you mean render?'],
    [['validate', '-f', 'a.yaml', '-o', 'yaml'], 'Allowed choices are text, json'],
    [['validate', '-f', 'a.yaml', '--inventry', 'b'], 'Did you mean --inventory?'],
  ])('%j is a usage error', async (argv, message) => {
    const { exitCode, stderr } = await runCommand(argv);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
  });
});
