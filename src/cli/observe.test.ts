/** The recordings of src/flowlogs, and the cluster that their addresses belong to. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { runCommand, temporaryFiles } from './testing.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const CLUSTER = path.join(import.meta.dirname, 'questions/golden/cluster.yaml');
const FIREWALL = path.join(ROOT, 'config/samples/wordpress.yaml');
const FLOWS = path.join(import.meta.dirname, '../flowlogs/fixtures');
const WITH_BOTH = ['-f', FIREWALL, '--inventory', CLUSTER];

const file = temporaryFiles();

const flowLog = (name: string): string => path.join(FLOWS, `${name}.txt`);
const observe = (...argv: readonly string[]) => runCommand(['observe', ...argv, ...WITH_BOTH]);
const entry = (from: string, to: string, port: number, more = '[ASSURED]'): string =>
  `ipv4     2 tcp      6 431996 ESTABLISHED src=${from} dst=${to} sport=40000 dport=${String(port)} src=${to} dst=${from} sport=${String(port)} dport=40000 ${more} mark=0 use=1\n`;

describe('observe', () => {
  test.each([
    ['conntrack', 1, ['conntrack']],
    ['flow-logs', 1, ['calico-node']],
  ])('%s is printed as in its golden file', async (name, exitCode, files) => {
    const ran = await observe(...files.map(flowLog));
    const golden = path.join(import.meta.dirname, 'flows/golden', `${name}.txt`);
    if (process.env['UPDATE_GOLDEN'] !== undefined) writeFileSync(golden, ran.stdout);
    expect({ text: ran.stdout, exitCode: ran.exitCode }).toEqual({
      text: readFileSync(golden, 'utf8'),
      exitCode,
    });
  });

  test('nothing is refused: exit code 0', async () => {
    const allowed = file('allowed.txt', entry('10.244.1.10', '10.244.2.11', 3306));
    const { exitCode, stdout } = await observe(allowed);
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: 'Enforce would refuse none of 1 kind of flows (1 connection)\n',
    });
  });

  test('pods of one program are one kind of flow, and both ends may refuse', async () => {
    const { stdout, exitCode } = await runCommand(['observe', '-', '-o', 'json', ...WITH_BOTH], {
      stdin: [
        entry('10.244.1.10', '10.244.2.11', 22),
        entry('10.244.2.10', '10.244.2.11', 22),
        entry('10.244.2.12', '10.244.1.10', 80),
      ].join(''),
    });
    expect(exitCode).toBe(1);
    expect((JSON.parse(stdout) as { flows: unknown }).flows).toMatchObject([
      {
        from: 'wordpress/app=wordpress',
        to: 'wordpress/app=mariadb',
        port: 22,
        connections: 2,
        verdict: 'Denied',
        side: 'source',
      },
      {
        from: 'monitoring/app=prometheus',
        to: 'wordpress/app=wordpress',
        port: 80,
        verdict: 'Denied',
        side: 'source',
      },
    ]);
  });

  test.each([
    ['a pod that is gone', entry('10.244.9.9', '10.244.2.11', 3306), 'no pod has it now'],
    ["a Service's address without NAT", entry('10.244.1.10', '10.96.0.20', 99), 'address of a Service'],
    ['a connection through a node', entry('192.0.2.7', '198.51.100.3', 443), 'not judged: 1 connection'],
  ])('%s is said, and the answer is incomplete', async (_, text, why) => {
    const { stdout, exitCode } = await observe(file('lost.txt', text));
    expect(stdout).toContain(why);
    expect(exitCode).toBe(3);
  });

  test('a name that the cluster does not have is said', async () => {
    const log = readFileSync(flowLog('calico-node'), 'utf8').replace(/blog-6d9f-\*/g, 'report-*');
    const { stdout, exitCode } = await observe(file('gone.txt', log));
    expect(stdout).toContain('not resolved: wordpress/report-*, 3 connections: the cluster has no pod');
    expect(exitCode).toBe(3);
  });

  test('a flow whose port the source leaves out is said', async () => {
    const log = readFileSync(flowLog('calico-node'), 'utf8').replace('tcp(9104)', 'sctp(0)');
    const { stdout, exitCode } = await observe(file('sctp.txt', log));
    expect(stdout).toContain(
      'not resolved: wordpress/app=mariadb, 3 connections: the source leaves the port out',
    );
    expect(exitCode).toBe(3);
  });

  test("Calico's verdict on its staged policies is shown where it is another one", async () => {
    const log = readFileSync(flowLog('calico-node'), 'utf8').replace(
      /action:Allow\n- Time/,
      'action:Deny\n- Time',
    );
    const { stdout, exitCode } = await observe(file('differs.txt', log));
    expect(stdout).toContain(
      "differs: wordpress/app=wordpress → wordpress/app=mariadb, 3306/TCP, 2 connections: Calico's verdict on its staged policies is Denied, and the simulator's is Allowed",
    );
    expect(exitCode).toBe(3);
  });

  test('--commands prints what gathers flows, by the Pods of calico-node', async () => {
    const pod = (name: string, labels: string): string =>
      `apiVersion: v1\nkind: Pod\nmetadata: { namespace: calico-system, name: "${name}", labels: { ${labels} } }\nspec: { nodeName: worker1, hostNetwork: true }\n`;
    const run = (...pods: readonly string[]) =>
      runCommand(['observe', '--commands', '--inventory', file('pods.yaml', pods.join('---\n'))]);
    const calico = 'k8s-app: calico-node';
    expect(await run(pod('calico-node-7x', calico), pod('web', 'app: web'))).toMatchObject({
      exitCode: 0,
      stdout:
        'kubectl -n calico-system exec calico-node-7x -c calico-node -- calico-node -flows 1000 > flows-worker1.txt\n' +
        'kubectl -n calico-system exec calico-node-7x -c calico-node -- cat /proc/net/nf_conntrack > conntrack-worker1.txt\n',
    });
    expect(await run(pod('x; reboot', calico))).toMatchObject({ exitCode: 2, stdout: '' });
  });

  test('a file that is no source of flows is named, with its line', async () => {
    const { exitCode, stderr, stdout } = await observe(
      file('bad.txt', `${entry('10.244.1.10', '10.244.2.11', 3306)}half a li`),
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/bad\.txt:2: is no entry of connection tracking/);
  });

  test.each([
    ['none', [path.join(import.meta.dirname, 'none.txt')], 'there is no such file'],
    ['binary', [] as string[], 'is a binary file'],
  ])('a file that cannot be read: %s', async (_, files, message) => {
    const named = files.length === 0 ? [file('binary.txt', 'a\0b')] : files;
    const { exitCode, stderr } = await observe(...named);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
  });

  test('progress is told while a long source is read, and its parts may end anywhere', async () => {
    const line = Buffer.from(entry('10.244.1.10', '10.244.2.11', 3306));
    const count = Math.ceil(10_000_000 / line.length);
    const { stdout, stderr, exitCode } = await observe(
      file('long.txt', Buffer.alloc(line.length * count, line).toString()),
    );
    expect(stderr).toContain('long.txt: 10 MB read\n');
    expect(stdout).toContain(`(${count.toLocaleString('en')} connections)`);
    expect(exitCode).toBe(0);
  });
});
