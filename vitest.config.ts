// How tests run: one Postgres for all, a database of its own for each file, files side by side.

import os from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/helpers/postgres.ts'],
    pool: 'forks',
    // Tests wait for processes and sockets more than they compute.
    maxWorkers: os.availableParallelism() + 1,
    // Starting a process takes seconds where other work is going on.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Real processes, sockets and databases: what a test leaves behind shows up here.
    dangerouslyIgnoreUnhandledErrors: false,
  },
})
