#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { buffer } from 'node:stream/consumers';

// Compilation is a third of the start-up time. The cache is Node's own, in its temporary folder.
enableCompileCache();
const { main } = await import('./cli/program.ts');

// `render
// head`: the reader stops early, which is no error.
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
