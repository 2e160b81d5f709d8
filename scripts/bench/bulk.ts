// Publishes many events as one body through the whole service. It is compared with the bare append
// of the same events in batches, without HTTP, and with single publishes.

import { ADMIN_TOKEN } from '../kit/client.ts'
import { byTurns } from '../kit/measure.ts'
import { startRemote } from '../kit/remote.ts'
import type { BareLoad, BulkLoad } from './bulk-load.ts'
import { launch } from './process.ts'
import type { Load, LoadResult } from './publish-load.ts'
import { compare, memoryLine, type Scenario } from './scenario.ts'
import { expectStored } from './stored.ts'

const CONNECTIONS = 64

const sizes = {
  full: { rounds: 7, events: 30_000, ms: 1_500, warmMs: 200 },
  smoke: { rounds: 1, events: 2_000, ms: 500, warmMs: 50 },
}

export const bulk: Scenario = {
  name: 'bulk',
  async run(stage, size) {
    const { rounds, events, ms, warmMs } = sizes[size]
    const database = await stage.database('bulk')
    const bareDatabase = await stage.database('bulk_bare')
    const singleDatabase = await stage.database('bulk_single')
    const [service, single, load, singleLoad] = await Promise.all([
      launch('serve', database.url),
      launch('serve', singleDatabase.url),
      startRemote('bench/bulk-load.ts'),
      startRemote('bench/publish-load.ts'),
    ])
    let published = 0
    let appended = 0
    const turns = {
      async bulk() {
        const from = published
        published += events
        const wanted: BulkLoad = { url: service.url, token: ADMIN_TOKEN, from, count: events }
        return load.call<number>('bulk', wanted)
      },
      async bare() {
        const from = appended
        appended += events
        const wanted: BareLoad = { databaseUrl: bareDatabase.url, from, count: events }
        return load.call<number>('bare', wanted)
      },
      async single() {
        const load = { url: single.url, token: ADMIN_TOKEN, connections: CONNECTIONS }
        const wanted: Load = { ...load, ms, warmMs }
        return (await singleLoad.call<LoadResult>('run', wanted)).perSecond
      },
    }
    try {
      await byTurns(1, turns) // warms up
      const memoryAtRest = service.memoryMiB()
      const rates = await byTurns(rounds, turns)
      await expectStored(database.url, 'event', published)
      const what = 'bulk publish, one body'
      return [
        compare(
          what,
          rates.bulk,
          { what: 'bare append, batches of 500', runs: rates.bare },
          '≥ 0.8',
        ),
        compare(what, rates.bulk, { what: 'one event a request', runs: rates.single }, '≥ 2.5'),
        memoryLine('serve, before bulk publishing', memoryAtRest),
        memoryLine('serve, peak of bulk publishing', service.peakMemoryMiB()),
      ]
    } finally {
      await Promise.all([service.stop(), single.stop(), load.stop(), singleLoad.stop()])
      await Promise.all([database.drop(), bareDatabase.drop(), singleDatabase.drop()])
    }
  },
}
