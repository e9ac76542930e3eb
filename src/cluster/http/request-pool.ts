import { Pool, type Dispatcher } from 'undici';
import type { TransportRequest } from './transport.ts';

type Handler = Dispatcher.DispatchHandler;

export interface PoolRequest extends Dispatcher.RequestOptions {
  readonly beforeSend: TransportRequest['beforeSend'];
}

/**
 * A pool that keeps the promise of TransportRequest.beforeSend. undici starts a request when it has a
 * connection and not before, and then writes it immediately (lib/dispatcher/client-h1.js, writeH1:
 * onRequestStart, then socket.write). A request that is aborted in onRequestStart is not written.
 */
export class RequestPool extends Pool {
  override dispatch(options: Dispatcher.DispatchOptions & Partial<PoolRequest>, handler: Handler): boolean {
    const { beforeSend } = options;
    return super.dispatch(options, beforeSend === undefined ? handler : startingWith(beforeSend, handler));
  }
}

function startingWith(beforeSend: () => void, handler: Handler): Handler {
  return {
    onRequestStart(controller, context) {
      beforeSend();
      // Aborts the request when its signal is aborted by now.
      handler.onRequestStart?.(controller, context);
    },
    onRequestUpgrade: (...args) => handler.onRequestUpgrade?.(...args),
    onResponseStart: (...args) => handler.onResponseStart?.(...args),
    onResponseData: (...args) => handler.onResponseData?.(...args),
    onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
    onResponseError: (...args) => handler.onResponseError?.(...args),
  };
}
