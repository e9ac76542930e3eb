import { Agent, request } from 'node:https';
import { text } from 'node:stream/consumers';

/** The provider's own small client, so that creating a pod does not need a kubectl process. */
export interface Api {
  get(path: string): Promise<unknown>;
  /** Server-side apply. `path` is the object's own. */
  apply(path: string, object: object): Promise<void>;
  mergePatch(path: string, patch: object): Promise<void>;
  post(path: string, object: object): Promise<unknown>;
  delete(path: string): Promise<void>;
  close(): void;
}

const FIELD_MANAGER = 'local-cluster';

export function connectApi(server: string, authority: string, token: string): Api {
  const agent = new Agent({ ca: authority, keepAlive: true, maxSockets: 8 });
  const send = (method: string, path: string, body?: object, type = 'application/json'): Promise<unknown> => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const headers = { authorization: `Bearer ${token}`, accept: 'application/json', 'content-type': type };
    const outgoing = request(new URL(path, server), { method, headers, agent }, (response) => {
      const { statusCode: status = 0 } = response;
      text(response).then((answer) => {
        if (status < 400) resolve(parse(answer));
        else reject(new Error(`${method} ${path}: ${status} ${reason(answer)}`));
      }, reject);
    });
    // The server may end an idle connection at the moment when it is used again.
    outgoing.once('error', (error: NodeJS.ErrnoException) => {
      if (outgoing.reusedSocket && error.code === 'ECONNRESET') resolve(send(method, path, body, type));
      else reject(error);
    });
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    return promise;
  };
  return {
    get: (path) => send('GET', path),
    apply: async (path, object) => {
      const query = `?fieldManager=${FIELD_MANAGER}&force=true`;
      await send('PATCH', path + query, object, 'application/apply-patch+yaml');
    },
    mergePatch: async (path, patch) => {
      await send('PATCH', `${path}?fieldManager=${FIELD_MANAGER}`, patch, 'application/merge-patch+json');
    },
    post: (path, object) => send('POST', path, object),
    delete: async (path) => {
      await send('DELETE', path);
    },
    close: () => {
      agent.destroy();
    },
  };
}

function parse(answer: string): unknown {
  try {
    return JSON.parse(answer);
  } catch {
    return answer; // /readyz and /metrics are plain text
  }
}

function reason(answer: string): string {
  const parsed = parse(answer);
  const isStatus = typeof parsed === 'object' && parsed !== null && 'message' in parsed;
  return isStatus ? String(parsed.message) : answer;
}
