/** A browser without a screen, from Debian. */
import { launch, type Browser } from 'puppeteer-core';
import { findCommand, installCommands } from '../local/process/prerequisites.ts';

const COMMAND = 'chromium-headless-shell';

/** @throws Error when it is missing and cannot be installed */
export async function startBrowser(): Promise<Browser> {
  const missing = await installCommands(new Map([[COMMAND, 'chromium-headless-shell']]));
  const executablePath = await findCommand(COMMAND);
  if (executablePath === undefined)
    throw new Error(`the test needs a browser: apt-get install ${missing.join(' ')}`);
  // Chromium refuses its sandbox to root.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  // The time limits of tests count, so that a busy machine fails none.
  return launch({ executablePath, args, headless: 'shell', timeout: 0, protocolTimeout: 0 });
}
