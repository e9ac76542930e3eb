/**
 * Runs inside a pod's network namespace and answers the calls of kube-apiserver. It admits every request, and
 * serves the discovery of an API without resources.
 *
 * node webhook-server.ts CERTIFICATE KEY PORT…
 *
 * It prints `listening` on standard output, and then a line of JSON for each call: see WebhookCall.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { json } from 'node:stream/consumers';

/** A call that was answered. */
export interface WebhookCall {
  readonly path: string;
  /** The source address of the call. */
  readonly from: string;
  readonly port: number;
}

interface AdmissionReview {
  readonly apiVersion: string;
  readonly kind: string;
  readonly request: { readonly uid: string };
}

async function answer(request: IncomingMessage): Promise<unknown> {
  if (request.method !== 'POST') return discovery(request.url ?? '');
  const { apiVersion, kind, request: asked } = (await json(request)) as AdmissionReview;
  return { apiVersion, kind, response: { uid: asked.uid, allowed: true } };
}

/** `/apis/GROUP/VERSION` */
function discovery(url: string): unknown {
  const [, , group, version] = url.split('?')[0]?.split('/') ?? [];
  return {
    apiVersion: 'v1',
    kind: 'APIResourceList',
    groupVersion: `${String(group)}/${String(version)}`,
    resources: [],
  };
}

function tell(request: IncomingMessage): void {
  const { remoteAddress = '', localPort = 0 } = request.socket;
  const call: WebhookCall = {
    path: request.url?.split('?')[0] ?? '',
    from: remoteAddress.replace(/^::ffff:/, ''),
    port: localPort,
  };
  process.stdout.write(`${JSON.stringify(call)}\n`);
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = JSON.stringify(await answer(request));
  response.writeHead(200, { 'content-type': 'application/json', connection: 'close' });
  response.end(body);
  tell(request);
}

/**
 * Established connections pass whatever policies change. kube-apiserver keeps unneeded ones, for example one
 * whose SYN it repeated until a policy let it pass.
 */
const IDLE_MS = 500;

const [certificate = '', key = '', ...ports] = process.argv.slice(2);
const credentials = { cert: await readFile(certificate), key: await readFile(key) };
for (const port of ports) {
  const server = createServer(credentials, (request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  server.setTimeout(IDLE_MS);
  server.listen(Number(port));
  await once(server, 'listening');
}
process.stdout.write('listening\n');
