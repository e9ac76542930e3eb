import { ApiError } from '../errors.ts';
import { leaseRecord } from '../leader/lease-record.ts';
import { isKubernetesObject, type KubernetesObject } from '../resource.ts';
import type { Transport, TransportRequest, TransportResponse } from '../http/transport.ts';

const PATH = '/apis/coordination.k8s.io/v1/namespaces/ns/leases';

/** An API server's Leases in memory, with its optimistic concurrency. It stores one Lease, `ns/lease`. */
export class LeaseServer implements Transport {
  readonly requests: TransportRequest[] = [];
  #lease: KubernetesObject | undefined;
  #version = 0;

  get lease(): KubernetesObject | undefined {
    return this.#lease;
  }

  /** Empty when the Lease is free. */
  get holder(): string {
    return this.#lease === undefined ? '' : leaseRecord(this.#lease).holder;
  }

  /** Stores the Lease without any check, like a client that has the right to. */
  put(lease: KubernetesObject | undefined): void {
    this.#version += 1;
    const resourceVersion = String(this.#version);
    this.#lease = lease && { ...lease, metadata: { ...lease.metadata, uid: 'uid', resourceVersion } };
  }

  request(request: TransportRequest): Promise<TransportResponse> {
    return Promise.resolve(request).then((sent) => this.answer(sent));
  }

  stream(request: TransportRequest): AsyncIterable<unknown> {
    throw new Error(`unexpected stream of ${request.path}`);
  }

  /** @throws ApiError */
  answer(request: TransportRequest): TransportResponse {
    this.requests.push(request);
    const { method, path, body } = request;
    if (method === 'POST' && path === PATH) return this.#create(body);
    if (path !== `${PATH}/lease`) throw new Error(`unexpected ${method} ${path}`);
    if (this.#lease === undefined) throw new ApiError({ code: 404, reason: 'NotFound', message: 'no lease' });
    if (method === 'PUT') return this.#replace(this.#lease, body);
    return { status: 200, headers: {}, body: structuredClone(this.#lease) };
  }

  #create(body: unknown): TransportResponse {
    if (this.#lease !== undefined) {
      throw new ApiError({ code: 409, reason: 'AlreadyExists', message: 'the lease exists' });
    }
    return this.#store(body);
  }

  #replace(stored: KubernetesObject, body: unknown): TransportResponse {
    const sent = isKubernetesObject(body) ? body.metadata.resourceVersion : undefined;
    if (sent !== stored.metadata.resourceVersion) {
      throw new ApiError({ code: 409, reason: 'Conflict', message: 'the lease has been modified' });
    }
    return this.#store(body);
  }

  #store(body: unknown): TransportResponse {
    if (!isKubernetesObject(body)) throw new Error('not an object');
    this.put(structuredClone(body));
    return { status: 200, headers: {}, body: structuredClone(this.#lease) };
  }
}
