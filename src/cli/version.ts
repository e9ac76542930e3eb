/** The package's; a test holds it to package.json. A constant, because the bundle has no package.json beside it. */
export const VERSION = '0.1.0';
