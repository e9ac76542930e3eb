import { pino, stdSerializers, stdTimeFunctions, type DestinationStream } from 'pino';
import { ApiError, TransportError } from './errors.ts';
import type { Logger } from './logger.ts';

/** JSON lines, with the level by name and the time in ISO format; by default on standard output. */
export function jsonLogger(destination?: DestinationStream): Logger {
  return pino(
    {
      timestamp: stdTimeFunctions.isoTime,
      base: null,
      formatters: { level: (level) => ({ level }) },
      serializers: { err: errorFields },
    },
    destination,
  );
}

/** The message says enough of a failure of the API server. Only a mistake of ours needs the place in the code. */
function errorFields(error: Error): object {
  const { stack, ...fields } = stdSerializers.err(error);
  return error instanceof ApiError || error instanceof TransportError ? fields : { ...fields, stack };
}
