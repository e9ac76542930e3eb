/**
 * The package's version; a test compares it with package.json. It is a constant, because there is no
 * package.json next to the bundle.
 */
export const VERSION = '0.1.0';
