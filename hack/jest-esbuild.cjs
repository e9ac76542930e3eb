// Jest loads TypeScript through esbuild: Node strips the types itself elsewhere, but not inside Jest's module loader.
const { transformSync } = require('esbuild');

module.exports = {
  process(source, filename) {
    const { code, map } = transformSync(source, {
      loader: 'ts',
      format: 'esm',
      target: 'node24',
      sourcefile: filename,
      sourcemap: 'both',
    });
    return { code, map };
  },
};
