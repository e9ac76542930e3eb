import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

const start = (node: string) => {
  const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${node}' } });`;
  const hook = `data:text/javascript,${encodeURIComponent(pretend)}`;
  const argv = [`--import=${hook}`, join(import.meta.dirname, 'start.js'), 'version', '--client'];
  return spawnSync(process.execPath, argv, { encoding: 'utf8' });
};

const { engines } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
  engines: { node: string };
};
const oldest = engines.node.replace('>=', '');

test.each(['18.20.4', '20.20.2', '24.8.0'])('Node %s is refused in one line', (node) => {
  const { status, stdout, stderr } = start(node);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr.split('\n')).toEqual([
    expect.stringContaining(`this is Node ${node}, and it needs ${oldest} or newer`),
    '',
  ]);
});

test.each([`${oldest}.0`, '26.0.0'])('Node %s starts', (node) => {
  const { status, stdout, stderr } = start(node);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^client: /);
});
