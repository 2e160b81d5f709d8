// Memory: of all processes at rest, with the embedded Postgres, and the peaks of `serve` while it
// publishes and of `work` while it delivers.

import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadResult } from '../bench/publish-load.ts'
import { startReceiver } from '../bench/receiver.ts'
import { ADMIN_TOKEN, register } from '../kit/client.ts'
import { guardDirectory, guardProcess } from '../kit/guard.ts'
import { byTurns } from '../kit/measure.ts'
import { proportionalMiB } from '../kit/memory.ts'
import { OPEN_SERVICE, startProgram } from '../kit/program.ts'
import { startRemote } from '../kit/remote.ts'
import { startArrivals } from './arrivals.ts'
import type { Comparison } from './comparison.ts'
import { lineOf, migratedBy, type Name, startSide } from './side.ts'

const MS = 6_000
/** After its first delivery, a process rests once its heap was collected for lack of work. */
const REST_MS = 15_000
const TIMEOUT_MS = 120_000

export const memory: Comparison = {
  name: 'memory',
  async run(programs, { serverUrl, rounds }) {
    const load = await startRemote('bench/publish-load.ts')
    const receiver = await startReceiver()
    const arrivals = await startArrivals()
    const peaks: Record<Name, number[]> = { before: [], after: [] }
    let next = 0
    const atRest = (name: Name) => async () => {
      const service = await startAlone(programs[name])
      await register(service.url, 'first', arrivals.url)
      await arrivals.publish(service.url, next++)
      await sleep(REST_MS)
      const figure = proportionalMiB(service.pid)
      await service.stop()
      return figure
    }
    // Delivery begins when all is published, so that the peak is that of a backlog.
    const loaded = (name: Name) => async () => {
      const database = await migratedBy(programs[name], serverUrl)
      const serve = await startSide(programs[name], database, ['serve'])
      await receiver.reset()
      await register(serve.url, 'all', `${receiver.url}/all`)
      const options = { token: ADMIN_TOKEN, connections: 64, warmMs: 0, url: serve.url, ms: MS }
      const { published } = await load.call<LoadResult>('run', options)
      const work = await startSide(programs[name], database, ['work'])
      await receiver.reached(published, TIMEOUT_MS)
      peaks[name].push(work.peakMiB())
      const figure = serve.peakMiB()
      await Promise.all([serve.stop(), work.stop()])
      return figure
    }
    const rest = await byTurns(rounds, { before: atRest('before'), after: atRest('after') })
    const serving = await byTurns(rounds, { before: loaded('before'), after: loaded('after') })
    arrivals.close()
    await Promise.all([load.stop(), receiver.stop()])
    return [
      lineOf('memory of all processes at rest, with Postgres', 'MiB', rest),
      lineOf('memory of serve, peak of publishing', 'MiB', serving),
      lineOf('memory of work, peak of delivery', 'MiB', peaks),
    ]
  },
}

/** One `start` with a Postgres of its own, in a new directory. */
async function startAlone(program: string) {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-compare-'))
  guardDirectory(directory)
  const own = { MILLRACE_ADMIN_TOKEN: ADMIN_TOKEN, MILLRACE_DATA_DIR: directory }
  const { process, ready, ended } = startProgram(
    ['start'],
    { ...OPEN_SERVICE, ...own },
    { program },
  )
  guardProcess(process)
  return {
    url: await ready(),
    pid: process.pid as number,
    async stop() {
      process.kill('SIGTERM')
      await ended
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
