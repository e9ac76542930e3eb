/** The script for bash, in a real bash. */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import { runCommand } from './testing.ts';

const scriptFor = async (shell: string): Promise<string> => {
  const { exitCode, stdout, stderr } = await runCommand(['completion', shell]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout;
};

/** The words that bash offers at the end of a line. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  const set = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${String(words.length - 1)}`;
  const input = `${await scriptFor('bash')}\n${set}\n_clusterfirewall\nprintf '%s\\n' "\${COMPREPLY[@]}"\n`;
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-s'], { input, encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((each) => each !== '');
}

describe('bash offers', () => {
  test.each([
    [['clusterfirewall', 'va'], ['validate']],
    [['clusterfirewall', '--ver'], ['--version']],
    [['clusterfirewall', 'status', '--con'], ['--context']],
    [
      ['clusterfirewall', 'status', '-o', ''],
      ['text', 'json'],
    ],
    [['clusterfirewall', 'validate', '--output', 'j'], ['json']],
    [['clusterfirewall', 'validate', 'file.yaml', '--st'], ['--strict']],
    [['clusterfirewall', 'validate', 'f'], []],
  ])('%j: %j', async (words, wanted) => {
    expect(await offered(...words)).toEqual(wanted);
  });

  test('every command', async () => {
    const { stdout } = await runCommand(['--help']);
    const commands = [...stdout.matchAll(/^ {2}([a-z]+) [[<]/gm)].flatMap(([, name]) => name ?? []);
    const found = await offered('clusterfirewall', '');
    expect(commands.length).toBeGreaterThan(8);
    expect(found).toEqual(expect.arrayContaining(commands));
  });
});

test('zsh runs the script of bash', async () => {
  expect(await scriptFor('zsh')).toContain(await scriptFor('bash'));
});

test('fish knows commands, options and choices', async () => {
  const lines = (await scriptFor('fish')).split('\n');
  expect(lines).toContainEqual(expect.stringMatching(/-n __fish_use_subcommand -f -a validate -d '/));
  expect(lines).toContainEqual(
    expect.stringMatching(/__fish_seen_subcommand_from validate' -s o -l output -r -f -a 'text json' -d '/),
  );
});

test('another shell is refused', async () => {
  const { exitCode, stderr } = await runCommand(['completion', 'tcsh']);
  expect({ exitCode, stderr }).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('bash, zsh, fish'),
  });
});
