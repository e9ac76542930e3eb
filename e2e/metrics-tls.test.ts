/** Metrics over TLS, with certificates that are replaced while the server runs. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { recordingLogger } from '../src/cluster/testing/logs.ts';
import { ManualClock } from '../src/cluster/testing/manual-clock.ts';
import { ScriptedTransport, type Answer } from '../src/cluster/testing/scripted-transport.ts';
import { LOOK_MS } from '../src/serving/certificate.ts';
import { METRICS_CONNECTIONS, serveEndpoints, type Endpoints } from '../src/serving/endpoints.ts';
import { CONNECTION_MS } from '../src/serving/server.ts';
import { createAuthority, createCertificate } from './local/control-plane/certificates.ts';
import { waitFor } from './wait.ts';

const NAME = 'metrics.test';
const authority = createAuthority('metrics');
const KNOWN: Answer = { status: { authenticated: true, user: { username: 'prometheus' } } };
const ALLOWED: Answer = { status: { allowed: true } };

let folder: string;
let endpoints: Endpoints | undefined;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'metrics-tls-'));
});
afterEach(async () => {
  await endpoints?.close();
  endpoints = undefined;
  await rm(folder, { recursive: true });
});

async function store(commonName: string, parts: { readonly cert?: string; readonly key?: string } = {}) {
  const { certificate, key } = createCertificate(authority, commonName, [NAME]);
  await writeFile(path.join(folder, 'tls.crt'), parts.cert ?? certificate);
  await writeFile(path.join(folder, 'tls.key'), parts.key ?? key);
}

async function start(...answers: readonly Answer[]) {
  const [clock, log] = [new ManualClock(), recordingLogger()];
  const transport = new ScriptedTransport(...answers);
  endpoints = await serveEndpoints({
    flags: { metricsAddress: '127.0.0.1:0', metricsCertificate: folder },
    ...{ clock, log },
    stuck: () => undefined,
    unready: () => undefined,
    metrics: () => Promise.resolve('up 1\n'),
    connect: () => transport,
  });
  const { metricsPort: port = 0 } = endpoints;
  /** Lets the server look at its files, and waits until it has. */
  const look = async (message: string) => {
    const before = log.lines.length;
    await clock.advance(LOOK_MS);
    await waitFor(() => Promise.resolve(log.lines[before]?.message === message || undefined), {
      what: message,
      within: 10_000,
    });
  };
  return { clock, log, transport, port, look };
}

/** A scrape, and the name in the certificate of the server. */
async function scrape(port: number, token?: string) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const options = { port, host: '127.0.0.1', servername: NAME, path: '/metrics', ca: authority.certificate };
  const sent = request({ ...options, headers, agent: false });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const { socket } = response as unknown as { socket: { getPeerCertificate(): { subject: { CN: string } } } };
  const name = socket.getPeerCertificate().subject.CN;
  return { status: response.statusCode, body: await text(response), name };
}

describe('metrics over TLS', () => {
  test('are for those whom the API server allows', async () => {
    await store('one');
    const { port, transport } = await start(KNOWN, ALLOWED, KNOWN, { status: { allowed: false } });
    expect(await scrape(port)).toMatchObject({ status: 401 });
    expect(transport.requests).toEqual([]);
    expect(await scrape(port, 't1')).toEqual({ status: 200, body: 'up 1\n', name: 'one' });
    expect(await scrape(port, 't2')).toMatchObject({ status: 403, body: expect.not.stringContaining('up') });
  });

  test('are not served without TLS', async () => {
    await store('one');
    const { port } = await start();
    await expect(fetch(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow();
  });

  test('follow a certificate that is replaced', async () => {
    await store('one');
    const { port, look } = await start();
    expect(await scrape(port)).toMatchObject({ name: 'one' });
    await store('two');
    await look('metrics: certificate read');
    expect(await scrape(port)).toMatchObject({ name: 'two' });
  });

  test('are refused until there is a certificate', async () => {
    const { port, look, log } = await start();
    expect(log.lines.map(({ message }) => message)).toEqual(['metrics: certificate not usable']);
    await expect(scrape(port)).rejects.toThrow();
    await store('one');
    await look('metrics: certificate read');
    expect(await scrape(port)).toMatchObject({ name: 'one' });
  });

  test.each([
    ['the key of another certificate', { key: createCertificate(authority, 'other').key }],
    ['a key that is none', { key: 'hunter2' }],
    ['a certificate that is none', { cert: 'hunter2' }],
  ])('keep the certificate that they have when they get %s', async (_, parts) => {
    await store('one');
    const { port, look, log } = await start();
    await store('two', parts);
    await look('metrics: certificate not usable');
    expect(await scrape(port)).toMatchObject({ name: 'one' });
    expect(JSON.stringify(log.lines)).not.toContain('hunter2');
  });

  test('bound connections from the first packet on', async () => {
    await store('one');
    const { port, clock } = await start();
    const silent = [];
    for (let count = 0; count < METRICS_CONNECTIONS + 3; count += 1) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      silent.push({ socket, closed: once(socket, 'close') });
      await once(socket, 'connect');
    }
    await Promise.all(silent.slice(0, 3).map(({ closed }) => closed));
    expect(await scrape(port)).toMatchObject({ status: 401 });
    await clock.advance(CONNECTION_MS);
    await Promise.all(silent.map(({ closed }) => closed));
  });
});
