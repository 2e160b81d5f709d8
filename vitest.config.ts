// How tests run: one Postgres for all, a database of its own for each file. Files run side by side;
// after them, one by one, those that compare times, since other work would be in what they measure.

import os from 'node:os'
import { defineConfig } from 'vitest/config'

/** Tests that compare times. */
const ALONE = 'test/alone/**/*.test.ts'

const all = {
  pool: 'forks',
  // Starting a process takes seconds where other work is going on.
  testTimeout: 300_000,
  hookTimeout: 300_000,
} as const

export default defineConfig({
  test: {
    globalSetup: ['test/helpers/postgres.ts'],
    // Real processes, sockets and databases: what a test leaves behind shows up here.
    dangerouslyIgnoreUnhandledErrors: false,
    projects: [
      {
        test: {
          ...all,
          name: 'side by side',
          include: ['test/**/*.test.ts'],
          exclude: [ALONE],
          // Tests wait for processes and sockets more than they compute.
          maxWorkers: os.availableParallelism() + 1,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...all,
          name: 'alone',
          include: [ALONE],
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
