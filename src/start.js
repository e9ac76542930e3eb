#!/usr/bin/env node
// The way in is plain JavaScript of old, so that a Node that cannot run the rest says so in one line. A test
// compares the version with package.json.
import process from 'node:process';

const OLDEST = [24, 9];

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  process.stderr.write(
    `clusterfirewall: this is Node ${process.versions.node}, and it needs ${OLDEST.join('.')} or newer: \`npm ci\` installs one in node_modules/.bin, and executables need none\n`,
  );
  process.exitCode = 2;
} else {
  void import('./main.ts');
}
