// Two projects: `unit` needs nothing but Node, `kafka` starts a real broker and registry for each worker.
const common = {
  transform: { '^.+\\.ts$': '@swc/jest' },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testEnvironment: 'node',
};

module.exports = {
  projects: [
    {
      ...common,
      displayName: 'unit',
      testMatch: [
        '<rootDir>/test/unit/**/*.test.ts',
        '<rootDir>/test/contract/**/*.test.ts',
        '<rootDir>/test/architecture.test.ts',
      ],
    },
    {
      ...common,
      displayName: 'kafka',
      testMatch: ['integration', 'fault', 'browser'].map((folder) => `<rootDir>/test/${folder}/**/*.test.ts`),
      globalSetup: '<rootDir>/test/support/global-setup.ts',
      globalTeardown: '<rootDir>/test/support/global-teardown.ts',
    },
  ],
  // Tests with brokers mostly wait, so two files at a time take half as long, also on two cores.
  maxWorkers: 2,
  testTimeout: 120_000,
};
