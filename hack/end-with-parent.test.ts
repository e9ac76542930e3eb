import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { JEST } from './phases.ts';

/** A test that connects to the socket and then never yields. */
const endless = (socket: string): string => `test('never ends', async () => {
  await require('node:events').once(require('node:net').connect(${JSON.stringify(socket)}), 'connect');
  for (;;);
})`;

test('workers of Jest end when the process that started Jest is killed', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'end-with-parent-'));
  const socket = path.join(folder, 'socket');
  const server = net.createServer().listen(socket);
  for (const name of ['a', 'b']) await writeFile(path.join(folder, `${name}.cjs`), endless(socket));
  const config = { rootDir: folder, testMatch: ['**/*.cjs'], transform: {} };
  const args = [...JEST, '--config', JSON.stringify(config), '--maxWorkers=2'];
  const starter = spawn('node', ['-e', `require('child_process').spawn('node', ${JSON.stringify(args)})`]);
  try {
    const connections: net.Socket[] = [];
    while (connections.length < 2) {
      const [connection] = (await once(server, 'connection')) as [net.Socket];
      connections.push(connection.resume());
    }
    starter.kill('SIGKILL');
    await Promise.all(connections.map((connection) => once(connection, 'close')));
    expect(connections).toHaveLength(2);
  } finally {
    starter.kill('SIGKILL');
    server.close();
    await rm(folder, { recursive: true });
  }
});
