// The machine and the software of a measurement.

import { spawnSync } from 'node:child_process'
import os from 'node:os'
import type { Size } from './scenario.ts'

export type Machine = {
  date: string
  commit: string
  size: Size
  processor: string
  cores: number
  memoryGiB: number
  system: string
  node: string
  postgres: string
  settings: string
}

/** The machine, the versions and the settings of this run. */
export function describeMachine(known: { postgres: string; size: Size }): Machine {
  const commit = spawnSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' })
  return {
    date: new Date().toISOString(),
    commit: commit.stdout?.trim() || 'unknown',
    size: known.size,
    processor: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.versions.node,
    postgres: `${known.postgres}, embedded`,
    settings:
      'PostgreSQL: its defaults (fsync and synchronous_commit on) except wal_init_zero off; ' +
      'events of 1.5 KB; publishers, receivers and all that is compared on the same machine',
  }
}
