/** Reads the requests of one user from the API server's audit log. */
import { open, stat } from 'node:fs/promises';

export interface AuditedRequest {
  readonly verb: string;
  /** `resource`, or `resource/subresource`. */
  readonly resource: string;
  readonly name: string | undefined;
  readonly uri: string;
  readonly code: number;
  /** Milliseconds since 1970 at which the request arrived and was answered. */
  readonly receivedAt: number;
  readonly answeredAt: number;
}

interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly objectRef?: { readonly resource: string; readonly name?: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code: number };
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
}

const WRITES: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);
/** Field manager of writes that only prove a watch. */
const HEARTBEAT = 'fieldManager=clusterfirewall-heartbeat';

export const isWrite = ({ verb }: AuditedRequest): boolean => WRITES.has(verb);
/**
 * True for writes that happen even while nothing changes: leader election, and proof that watches are alive.
 */
export const isPeriodic = ({ resource, uri }: AuditedRequest): boolean =>
  resource === 'leases' || uri.includes(HEARTBEAT);

/** An audit policy that records only these users' requests, when they are answered. */
export const auditPolicy = (users: readonly string[]): object => ({
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted'],
  rules: [{ level: 'Metadata', users }, { level: 'None' }],
});

/** A log that grows while it is read. */
export class AuditLog {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** The current end of the log, for `since`. */
  async mark(): Promise<number> {
    return (await stat(this.#file).catch(() => ({ size: 0 }))).size;
  }

  /**
   * Requests answered since the mark, in the order of their answers. Watches appear only when they have
   * ended.
   */
  async since(mark: number): Promise<readonly AuditedRequest[]> {
    const text = await readFrom(this.#file, mark);
    const lines = text.split('\n').slice(0, -1);
    return lines.map((line) => requestOf(JSON.parse(line) as AuditEvent));
  }
}

async function readFrom(file: string, start: number): Promise<string> {
  const handle = await open(file).catch(() => undefined);
  if (handle === undefined) return '';
  try {
    const length = (await handle.stat()).size - start;
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, start);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

function requestOf(event: AuditEvent): AuditedRequest {
  const { resource = '(none)', subresource, name } = event.objectRef ?? {};
  return {
    verb: event.verb,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    name,
    uri: event.requestURI,
    code: event.responseStatus?.code ?? 0,
    receivedAt: Date.parse(event.requestReceivedTimestamp),
    answeredAt: Date.parse(event.stageTimestamp),
  };
}
