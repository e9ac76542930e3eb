/** The page of `clusterfirewall report` in a browser: what people do with it, and what it must not do. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import axe from 'axe-core';
import type { Browser, Page } from 'puppeteer-core';
import { runCommand } from '../../src/cli/testing.ts';
import { snapshotText } from '../bench/question-load.ts';
import { startBrowser } from './browser.ts';

// The first run installs the browser.
jest.setTimeout(20 * 60_000);

const ROOT = path.resolve(import.meta.dirname, '../..');
const FIREWALL = path.join(ROOT, 'config/samples/wordpress.yaml');
const CLUSTER = path.join(ROOT, 'src/cli/questions/golden/cluster.yaml');
/** No API server takes such a name. A file may still have it. */
const EVIL = '</script><script>alert(1)</script><img src=x onerror=alert(2)>';

let folder: string;
let browser: Browser;
let page: Page;
/** URLs of all requests, and errors of the page. */
let requests: string[];
let errors: string[];
let small: string;
let large: string;

/** Writes the page of a cluster. */
async function reportOf(name: string, cluster: string, ...argv: readonly string[]): Promise<string> {
  const inventory = path.join(folder, `${name}.yaml`);
  await writeFile(inventory, cluster);
  const { stdout, stderr } = await runCommand(['report', '--inventory', inventory, ...argv]);
  if (stdout === '') throw new Error(stderr);
  const file = path.join(folder, `${name}.html`);
  await writeFile(file, stdout);
  return pathToFileURL(file).href;
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'report-'));
  const cluster = (await readFile(CLUSTER, 'utf8')).replaceAll('name: cache-0', `name: "${EVIL}"`);
  small = await reportOf('small', cluster.replaceAll('app: cache', `app: "${EVIL}"`), '-f', FIREWALL);
  large = await reportOf('large', snapshotText({ namespaces: 40, podsEach: 4, policies: 50 }));
  browser = await startBrowser();
});
afterAll(async () => {
  await browser.close();
  await rm(folder, { recursive: true });
});

beforeEach(async () => {
  page = await browser.newPage();
  page.setDefaultTimeout(0);
  await page.setOfflineMode(true);
  requests = [];
  errors = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => errors.push(message.text()));
  page.on('dialog', (dialog) => {
    errors.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return async () => page.close();
});

async function open(url: string): Promise<void> {
  await page.goto(url);
  await page.waitForSelector('#matrix td');
}

const ask = (expression: string): Promise<unknown> => page.evaluate(expression);
const textOf = async (selector: string): Promise<string> =>
  String(await ask(`document.querySelector(${JSON.stringify(selector)}).innerText`));
const focused = (): Promise<string> => ask('document.activeElement.innerText').then(String);

/** Rules that the page breaks, with the elements. */
async function violations(): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const found = await ask(
    'axe.run().then((all) => all.violations.map((each) => each.id + " " + each.nodes.map((node) => node.html)))',
  );
  return found as readonly string[];
}

describe('the page of report', () => {
  test('shows the names of a cluster as text, runs nothing of them, and asks no network', async () => {
    await open(small);
    expect(await textOf('#matrix')).toContain(EVIL);
    expect(await textOf('#flows')).toContain(EVIL);
    expect(await ask('document.scripts.length + document.images.length')).toBe(2);
    expect({ requests, errors }).toEqual({ requests: [small], errors: [] });
  });

  test('runs no other script, and fetches nothing, whoever asks it to', async () => {
    await open(small);
    const tried = await ask(`(async () => {
      const made = document.createElement('script');
      const text = (() => { try { made.textContent = 'window.ran = true'; } catch (error) { return error.name; } })();
      document.body.append(made);
      const markup = (() => { try { document.body.innerHTML = '<b>'; } catch (error) { return error.name; } })();
      const fetched = await fetch('https://example.com/').catch((error) => error.name);
      return { text, markup, fetched, ran: window.ran ?? false };
    })()`);
    const expected = { text: 'TypeError', markup: 'TypeError', fetched: 'TypeError', ran: false };
    expect(tried).toEqual(expected);
    expect(errors.join()).toContain('Content Security Policy');
  });

  test('a click on a cell shows the rules behind it, and Escape leads back to the cell', async () => {
    await open(small);
    await page.locator('#matrix td ::-p-text(3306/TCP)').click();
    const details = await textOf('#details');
    expect(details).toContain('wordpress/app=wordpress → wordpress/app=mariadb');
    expect(details).toContain('default/blog/connections/db');
    expect(details).toMatch(/wordpress\.yaml:\d+, spec\.namespaces\[0\]\.connections\[0\]/);
    expect(details).toContain('wordpress/blog-6d9f-a');
    await page.keyboard.press('Escape');
    expect(await ask('document.querySelector("#details").open')).toBe(false);
    expect(await focused()).toBe('3306/TCP');
  });

  test('is used by the keyboard alone', async () => {
    await open(small);
    await page.focus('#open');
    await page.keyboard.press('Tab');
    const place = 'document.activeElement.parentElement.rowIndex + "," + document.activeElement.cellIndex';
    expect(await ask(place)).toBe('1,1');
    for (const key of [
      'ArrowDown',
      'ArrowDown',
      'ArrowRight',
      'ArrowLeft',
      'ArrowLeft',
      'End',
      'Home',
    ] as const)
      await page.keyboard.press(key);
    expect(await ask(place)).toBe('3,1');
    await page.keyboard.press('Enter');
    expect(await focused()).toContain('→');
    expect(await ask('document.querySelector("#details").open')).toBe(true);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Escape');
    expect(await ask(place)).toBe('3,1');
    // The grid is one stop of Tab, and keeps its place.
    await page.keyboard.press('Tab');
    expect(await ask('document.activeElement.closest("#matrix") === null')).toBe(true);
  });

  test('is searched by ends and by port', async () => {
    await open(small);
    await page.type('#from', 'blog-6d9f');
    await page.type('#port', '3306');
    expect(await textOf('#count')).toMatch(/^1 of \d+ sources, 1 of \d+ destinations, 1 open pairs$/);
    expect(await textOf('#matrix')).toContain('wordpress/app=mariadb');
    expect(await textOf('#flows')).not.toContain('443/TCP');
    await page.type('#to', 'no such end');
    expect(await textOf('#matrix')).toBe('No end has these names.');
    expect(errors).toEqual([]);
  });

  test.each(['light', 'dark'])(
    'has no fault of accessibility in %s, with details and without',
    async (value) => {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
      await open(small);
      expect(await violations()).toEqual([]);
      await page.click('#matrix td.Allowed');
      expect(await violations()).toEqual([]);
      const back = String(await ask('getComputedStyle(document.body).backgroundColor'));
      const [red = NaN] = back.match(/\d+/g)?.map(Number) ?? [];
      expect(red > 128).toBe(value === 'light');
    },
  );

  test('a large table has pages, and paper gets every line of the list', async () => {
    await open(large);
    const lines = 'document.querySelectorAll("#flows tbody tr").length';
    expect(await ask(lines)).toBe(200);
    expect(await ask('document.querySelectorAll("#matrix tbody tr").length')).toBe(100);
    const first = await textOf('#matrix tbody th');
    await page.locator('button ::-p-text(Next sources)').click();
    expect(await textOf('#count')).toContain('sources 101 to');
    expect(await textOf('#matrix tbody th')).not.toBe(first);
    // No page follows, so the keyboard is at the way back.
    expect(await focused()).toBe('Previous sources');
    expect(await violations()).toEqual([]);
    const paper = await page.pdf({ preferCSSPageSize: true });
    expect(Buffer.from(paper).subarray(0, 5).toString()).toBe('%PDF-');
    expect(Number(await ask(lines))).toBeGreaterThan(200);
    expect({ requests, errors }).toEqual({ requests: [large], errors: [] });
  });
});
