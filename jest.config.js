/** One project a kind of test, so that `make unit`, `make integration` and `make packets` each name theirs. */
const common = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  // Jest strips the types itself (from 30.5 on), as Node does, and positions stay those of the source.
  transform: {},
  setupFiles: ['<rootDir>/hack/fast-check-setup.ts'],
};

const project = (displayName, ...folders) => ({
  ...common,
  displayName,
  testMatch: folders.map((folder) => `<rootDir>/${folder}/*.test.ts`),
});

export default {
  testSequencer: '<rootDir>/hack/longest-first.cjs',
  projects: [
    project(
      'unit',
      'src/**',
      'hack/**',
      'e2e/local/**',
      'e2e/fuzz-felix/offline',
      'e2e/cases',
      'e2e/demo',
      'e2e',
    ),
    project('integration', 'e2e/integration/**', 'e2e/gitops/**', 'e2e/fuzz-felix'),
    project('packets', 'e2e/scenarios/**'),
    project('chaos', 'e2e/chaos/**'),
    project('delivery', 'e2e/delivery/**'),
    project('kind', 'e2e/kind/**'),
  ],
};
