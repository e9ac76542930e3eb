import { Counter, Histogram, type Registry } from 'prom-client';
import { KIND, PLURAL, GROUP } from '../../api/schema.ts';
import type { RequestOutcome } from '../../cluster/http/metered.ts';
import type { TransportRequest } from '../../cluster/http/transport.ts';
import { CALICO_GROUP, GENERATED_KINDS, generatedKinds } from '../objects/kinds.ts';

const VERBS: Readonly<Record<TransportRequest['method'], string>> = {
  GET: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** The kinds that we write, by collection. */
const KINDS: ReadonlyMap<string, string> = new Map([
  [`${GROUP}/${PLURAL}`, KIND],
  ...generatedKinds.map((kind) => [`${CALICO_GROUP}/${GENERATED_KINDS[kind].plural}`, kind] as const),
]);

/** Every HTTP request under client-go's names, and the writes of ours by kind. */
export class RequestMetrics {
  readonly #total: Counter<'code' | 'method' | 'host'>;
  readonly #seconds: Histogram<'verb' | 'host'>;
  readonly #writes: Histogram<'kind' | 'verb'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#total = new Counter({
      name: 'rest_client_requests_total',
      help: 'HTTP requests by status code, method and host.',
      labelNames: ['code', 'method', 'host'] as const,
      registers,
    });
    this.#seconds = new Histogram({
      name: 'rest_client_request_duration_seconds',
      help: 'Time that HTTP requests took, by method and host; watches do not count.',
      labelNames: ['verb', 'host'] as const,
      buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60],
      registers,
    });
    this.#writes = new Histogram({
      name: 'clusterfirewall_apply_duration_seconds',
      help: 'Time that single writes took, by kind and verb (apply, create, update, patch, delete).',
      labelNames: ['kind', 'verb'] as const,
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    });
  }

  /** @param server URL of the API server */
  observer(server: string): (outcome: RequestOutcome) => void {
    const { host } = new URL(server);
    return ({ request, code, seconds }) => {
      const { method, path, query } = request;
      this.#total.inc({ code, method, host });
      if (query?.['watch'] !== true) this.#seconds.observe({ verb: method, host }, seconds);
      const kind = KINDS.get(collectionOf(path));
      if (method !== 'GET' && kind !== undefined)
        this.#writes.observe({ kind, verb: verbOf(request) }, seconds);
    };
  }
}

/** `GROUP/PLURAL` of `/apis/GROUP/VERSION[/namespaces/NAME]/PLURAL…`. */
function collectionOf(path: string): string {
  const [, group, plural] = /^\/apis\/([^/]+)\/[^/]+(?:\/namespaces\/[^/]+(?=\/))?\/([^/]+)/.exec(path) ?? [];
  return `${group ?? ''}/${plural ?? ''}`;
}

const verbOf = ({ method, contentType = '' }: TransportRequest): string =>
  contentType.startsWith('application/apply-patch') ? 'apply' : VERBS[method];
