/** The part of pino's interface that this folder uses: fields first, then a sentence. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A logger whose lines carry these fields too. They are asked for line by line. */
export const withFields = (log: Logger, fields: () => object): Logger => ({
  debug: (own, message) => {
    log.debug({ ...fields(), ...own }, message);
  },
  info: (own, message) => {
    log.info({ ...fields(), ...own }, message);
  },
  warn: (own, message) => {
    log.warn({ ...fields(), ...own }, message);
  },
  error: (own, message) => {
    log.error({ ...fields(), ...own }, message);
  },
});

/** For a command line, where whatever goes wrong becomes the message of a command. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
