#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { buffer } from 'node:stream/consumers';

// A third of the start-up is compiling; the cache is Node's own, in its temporary folder.
enableCompileCache();
const { main } = await import('./cli/program.ts');

// `render | head`: the reader has had enough, which is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

process.exitCode = await main(process.argv.slice(2), {
  stdin: () => buffer(process.stdin),
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  color: process.stderr.isTTY && (process.env['NO_COLOR'] ?? '') === '',
});
