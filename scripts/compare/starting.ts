// How long a start takes: on a database that is migrated, and from nothing to the first delivery.

import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ADMIN_TOKEN, register } from '../kit/client.ts'
import { guardProcess } from '../kit/guard.ts'
import { byTurns } from '../kit/measure.ts'
import { OPEN_SERVICE, startProgram } from '../kit/program.ts'
import { startArrivals } from './arrivals.ts'
import type { Comparison } from './comparison.ts'
import { both, lineOf, migratedBy, type Name, startSide } from './side.ts'

export const starting: Comparison = {
  name: 'starting',
  async run(programs, { serverUrl, rounds }) {
    const urls = await both((name) => migratedBy(programs[name], serverUrl))
    const warm = (name: Name) => async () => {
      const started = performance.now()
      const side = await startSide(programs[name], urls[name], ['start'])
      const took = performance.now() - started
      await side.stop()
      return took
    }
    const arrivals = await startArrivals()
    let next = 0
    const fromNothing = (name: Name) => async () => {
      const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-compare-'))
      const settings = {
        ...OPEN_SERVICE,
        MILLRACE_ADMIN_TOKEN: ADMIN_TOKEN,
        MILLRACE_DATA_DIR: directory,
      }
      const started = performance.now()
      const { process, ready, ended } = startProgram(['start'], settings, {
        program: programs[name],
      })
      guardProcess(process)
      const url = await ready()
      await register(url, 'first', arrivals.url)
      await arrivals.publish(url, next++)
      const took = performance.now() - started
      process.kill('SIGTERM')
      await ended
      rmSync(directory, { recursive: true, force: true })
      return took
    }
    // The first starts of all fill the cache of compiled code.
    const warmTurns = { before: warm('before'), after: warm('after') }
    await byTurns(1, warmTurns)
    const starts = await byTurns(rounds, warmTurns)
    const firstTurns = { before: fromNothing('before'), after: fromNothing('after') }
    const firsts = await byTurns(rounds, firstTurns)
    arrivals.close()
    return [
      lineOf('start, until it is ready', 'ms', starts),
      lineOf('from nothing to the first delivery', 'ms', firsts),
    ]
  },
}
