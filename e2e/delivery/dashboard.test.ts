/** Prometheus' own parser reads the queries of the dashboard. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, jest, test } from '@jest/globals';
import { dump } from 'js-yaml';
import { expressions } from '../../hack/dashboard.ts';
import { preparePromtool } from './promtool.ts';

jest.setTimeout(120_000);

/** Promtool reads rules, so each query becomes one that records it. */
async function checked(queries: readonly string[]): Promise<string> {
  const promtool = await preparePromtool();
  const folder = await mkdtemp(path.join(os.tmpdir(), 'dashboard-'));
  try {
    const file = path.join(folder, 'rules.yaml');
    const rules = queries.map((expr, index) => ({ record: `query:${String(index)}`, expr }));
    await writeFile(file, dump({ groups: [{ name: 'dashboard', rules }] }));
    return await promtool(['check', 'rules', file]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('every query of the dashboard is PromQL', async () => {
  const queries = expressions();
  expect(await checked(queries)).toContain(`${String(queries.length)} rules found`);
});

test('a query with a mistake is refused', async () => {
  await expect(checked(['sum by (code (up)'])).rejects.toThrow(/promtool check rules/);
});
