// Not by name: in the bundle, a name that an old Node lacks would fail before start.js has looked.
import * as nodeModule from 'node:module';
import { writeFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';

// Compilation is a third of the start-up time. The cache is Node's own, in its temporary folder.
nodeModule.enableCompileCache();

// In `render | head` the reader stops early, which is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

// Without `await` at the top, this file can also become a CommonJS module, which a single executable must be.
void import('./cli/program.ts').then(async ({ main }) => {
  process.exitCode = await main(process.argv.slice(2), {
    stdin: () => buffer(process.stdin),
    stdinParts: () => process.stdin,
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
    connect: async (flags) => (await import('./cli/connect.ts')).connect(flags),
    date: () => new Date(),
    save: (file, bytes) => writeFile(file, bytes, { flag: 'wx', mode: 0o600 }),
    ask: async (question) => (await import('./cli/ask.ts')).ask(question),
    color: process.stderr.isTTY && (process.env['NO_COLOR'] ?? '') === '',
  });
});
