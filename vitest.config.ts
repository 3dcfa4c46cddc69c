import { defineConfig } from 'vitest/config'

/** The tests that run more cases in a long run; each also runs in its own project. */
const longTests = [
  'test/unit/kit/scoring/{formula-properties,numbers-properties,arithmetic}.test.ts',
  'test/unit/runtime/outbound/allow-list.test.ts',
  'test/database/hostile/{isolation,replays,requests}.test.ts',
  'test/database/wires/**/{any-body,tool-run,graders-validate}.test.ts',
  'test/process/hostile/storms.test.ts',
  'test/process/chaos/rows.test.ts',
  'test/process/kit/scoring/python-code.test.ts',
  'test/process/bench/interrupted.test.ts',
  'test/process/workbench/preflight/other-servers.test.ts',
  'test/database/workbench/learn/learn.test.ts',
  'example/test/learner.test.ts',
]

export default defineConfig({
  test: {
    // More than the two processors of a small machine: many tests wait for other processes.
    maxWorkers: 3,
    // What a slow machine may need until something comes true.
    expect: { poll: { timeout: 15_000 } },
    projects: [
      {
        extends: true,
        // Functions and local servers: no database, no compiled program, one process for all.
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          pool: 'threads',
          isolate: false,
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'database',
          include: ['test/database/**/*.test.ts', '{tools,graders,schema,demo}/**/*.test.ts'],
          globalSetup: ['test/support/global-database.ts'],
          pool: 'forks',
          testTimeout: 20_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'process',
          include: ['test/process/**/*.test.ts', 'example/test/**/*.test.ts'],
          globalSetup: ['test/support/global-database.ts', 'test/support/global-program.ts'],
          pool: 'forks',
          testTimeout: 20_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        // `npm run test:long`: minutes of chaos, all cases of the slow tests, and twenty times as many of the fuzz tests.
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts', ...longTests],
          env: { FUZZ_FACTOR: '20' },
          globalSetup: ['test/support/global-database.ts', 'test/support/global-program.ts'],
          pool: 'forks',
          testTimeout: 600_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
