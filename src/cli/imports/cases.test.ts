/**
 * Rules of other firewalls, written by hand with the constructs of public ones, and what their authors meant. A case
 * names the lines that are left out and verdicts, which the simulator gives.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { load } from 'js-yaml';
import type { Spec } from '../../api/schema.ts';
import { runCommand } from '../testing.ts';
import { documentsOf } from '../import.ts';
import { CLUSTER_FLAGS, judgeOf, parseQuestion } from './testing/judge.ts';
import { isAllowed, type PlainCluster, POLICY_FLAGS, Worlds } from './testing/policies.ts';

const FOLDER = join(import.meta.dirname, 'cases');

interface Case {
  readonly from: string;
  /** Default: the flags of the cluster. */
  readonly flags?: readonly string[];
  readonly files: Readonly<Record<string, string>>;
  /** `FILE:LINE words of the reason`, of every line that is left out. */
  readonly left?: readonly string[];
  readonly verdicts: readonly string[];
  /** For policies: the pods that verdicts are about. */
  readonly cluster?: PlainCluster;
  /** The whole result, where people should read it. */
  readonly firewall?: string;
}

async function imported({ from, flags, files, cluster }: Case) {
  const folder = mkdtempSync(join(tmpdir(), 'import-'));
  try {
    const names = Object.entries(files).map(([name, text]) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    });
    const ran = await runCommand([
      'import',
      '--from',
      from,
      ...(flags ?? (cluster === undefined ? CLUSTER_FLAGS : POLICY_FLAGS)),
      ...names,
    ]);
    const tidy = (text: string): string => text.replaceAll(`${folder}/`, '');
    return { exitCode: ran.exitCode, stdout: tidy(ran.stdout), stderr: tidy(ran.stderr) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** About policies, the verdict has to be that of the policies as well, and the import opens nothing but DNS. */
function judgeFor({ cluster, files }: Case, spec: Spec): (question: string) => boolean {
  if (cluster === undefined) {
    const judge = judgeOf(spec);
    return (question) => judge(parseQuestion(question));
  }
  const documents = Object.entries(files).flatMap(([name, text]) => documentsOf({ name, text }));
  const worlds = new Worlds(
    cluster,
    documents.map(({ value }) => value),
    spec,
  );
  expect(worlds.opened()).toEqual([]);
  return (question) => isAllowed(worlds.now, question);
}

/** Each line that was left out, with its reason. */
function leftOf(stderr: string): readonly string[] {
  let why = '';
  const part = /^not taken over: .*\n((?: .*\n)*)/m.exec(stderr)?.[1] ?? '';
  return part.split('\n').flatMap((line) => {
    const [, place] = /^ {4}(\S+:\d+) {2}/.exec(line) ?? [];
    if (place === undefined) why = line.trim();
    return place === undefined ? [] : [`${place} ${why}`];
  });
}

describe.each(readdirSync(FOLDER).sort())('%s', (name) => {
  const each = load(readFileSync(join(FOLDER, name), 'utf8')) as Case;

  test('is valid, and names what was left out', async () => {
    const { exitCode, stdout, stderr } = await imported(each);
    const wanted = each.left ?? [];
    const left = leftOf(stderr);
    expect(left.map((line) => line.replace(/ .*/, ''))).toEqual(
      wanted.map((line) => line.replace(/ .*/, '')),
    );
    for (const [index, line] of wanted.entries()) expect(left[index]).toContain(line.replace(/^\S+ ?/, ''));
    expect(exitCode).toBe(wanted.length === 0 ? 0 : 3);
    expect(await runCommand(['validate', '-'], { stdin: stdout })).toEqual(
      expect.objectContaining({ exitCode: 0 }),
    );
  });

  test('means what its author meant', async () => {
    const { stdout } = await imported(each);
    const { spec } = load(stdout) as { readonly spec: Spec };
    const judge = judgeFor(each, spec);
    const seen = each.verdicts.map((line) => {
      const question = line.replace(/ = \w+$/, '');
      return `${question} = ${judge(question) ? 'Allow' : 'Deny'}`;
    });
    expect(seen).toEqual(each.verdicts);
    if (each.firewall !== undefined) expect(stdout).toBe(each.firewall);
  });
});
