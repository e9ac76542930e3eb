/** Help and tables fit a terminal of 80 columns. The test of status is in show-status.test.ts. */
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { runCommand } from './testing.ts';

const HERE = import.meta.dirname;
const GOLDEN = path.join(HERE, 'questions/golden/cluster.yaml');
const DUMPS = ['iptables-enforce', 'iptables-observe', 'nftables-enforce', 'nftables-observe'].map((name) =>
  path.join(HERE, 'packet-filter/fixtures', `${name}.txt`),
);

/** Words that nobody can break stay whole. */
const tooLong = (text: string): readonly string[] =>
  text.split('\n').filter((line) => line.length > 80 && /\S\s+\S/.test(line));

async function expectNarrow(argv: readonly string[]): Promise<string> {
  const { stdout } = await runCommand(argv);
  expect(stdout).not.toBe('');
  expect(tooLong(stdout)).toEqual([]);
  return stdout;
}

test('the help of every command', async () => {
  const help = await expectNarrow(['--help']);
  const [commands = ''] = help.split('\nCommands:\n')[1]?.split('\n\n') ?? [];
  const names = [...commands.matchAll(/^ {2}([a-z]+)/gm)].map(([, name = '']) => name);
  expect(names).toContain('sysdump');
  for (const name of names) expect(await expectNarrow([name, '--help'])).toContain(`clusterfirewall ${name}`);
});

describe('the table of', () => {
  test.each([
    ['baseline', ['baseline']],
    ['counters', ['counters', ...DUMPS]],
    ['explain', ['explain', 'wordpress/blog', 'wordpress/mariadb-0', '5432', '--inventory', GOLDEN]],
    ['reach', ['reach', '--inventory', GOLDEN]],
    ['diff', ['diff', '-f', path.join(HERE, '../../config/samples/wordpress.yaml'), '--inventory', GOLDEN]],
    ['version', ['version', '--client']],
  ])('%s', async (_, argv) => {
    await expectNarrow(argv);
  });
});

test('version, of a cluster that does not answer', async () => {
  const { stdout } = await runCommand(['version']);
  expect(stdout).toContain('no answer');
  expect(tooLong(stdout)).toEqual([]);
});
