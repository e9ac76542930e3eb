/** Stands for a part of the cluster that has not been read, which is not the same as an empty one. */
export const UNKNOWN = Symbol.for('clusterfirewall.io/unknown');

/** A part of the cluster, or UNKNOWN. A reader has to say which meaning UNKNOWN has there. */
export type Known<T> = T | typeof UNKNOWN;

export const knownOr = <T>(some: Known<T>, otherwise: T): T => (some === UNKNOWN ? otherwise : some);
