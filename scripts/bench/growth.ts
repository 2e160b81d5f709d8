// The cost of appending and reading an event in an empty log and in a grown one: three logs side by
// side, the largest a hundred times the smallest.

import { limits } from '../../src/config.ts'
import { openDatabase } from '../../src/db/pool.ts'
import { appendEvents } from '../../src/log/append.ts'
import { readPage } from '../../src/log/read.ts'
import { createLogger } from '../../src/logger.ts'
import { byTurns } from '../kit/measure.ts'
import { newEvents, TENANT } from './events.ts'
import { fillDays } from './growth-fill.ts'
import { compare, type Line, type Scenario } from './scenario.ts'
import type { Stage } from './stage.ts'

const BATCH = 500
const ENTITIES = 1_000
/** A reading is short: it is repeated. */
const READS = 3

const sizes = {
  full: { events: [100_000, 1_000_000, 10_000_000], days: 30, rounds: 11, batches: 20 },
  smoke: { events: [1_000, 2_000, 5_000], days: 2, rounds: 1, batches: 2 },
}

export const growth: Scenario = {
  name: 'growth',
  async run(stage, size) {
    const { events, days, rounds, batches } = sizes[size]
    const logs: Log[] = []
    try {
      for (const count of events) logs.push(await openLog(stage, count, days))
      // The first turn warms up: plans, pages of the indexes, the compiler.
      await byTurns(1, turnsOf(logs, batches))
      const runs = await byTurns(rounds, turnsOf(logs, batches))
      const [smallest, ...larger] = logs.map(({ title }) => title) as [string, ...string[]]
      const largest = larger.at(-1)
      return (['append', 'read'] as const).flatMap((verb): Line[] => {
        const runsOf = (title: string) => runs[`${verb} ${title}`] as number[]
        return larger.map((title) => ({
          ...compare(
            `${verb} with ${title} events in the log`,
            runsOf(title),
            { what: `with ${smallest}`, runs: runsOf(smallest) },
            title === largest ? '≤ 1.3' : undefined,
          ),
          unit: 'µs/event',
        }))
      })
    } finally {
      for (const log of logs) await log.close()
    }
  },
}

type Log = {
  title: string
  /** Appends `batches` batches, and returns the microseconds per event. */
  append(batches: number): Promise<number>
  /** Reads the last append back in pages, and checks it. */
  read(): Promise<number>
  close(): Promise<void>
}

function turnsOf(logs: Log[], batches: number): Record<string, () => Promise<number>> {
  const turns = logs.flatMap(({ title, append, read }) => [
    [`append ${title}`, () => append(batches)],
    [`read ${title}`, read],
  ])
  return Object.fromEntries(turns)
}

async function openLog(stage: Stage, count: number, days: number): Promise<Log> {
  const database = await stage.database(`growth_${count}`)
  await fillDays(database.url, { events: count, days, tenant: TENANT })
  const options = { max: 1, logger: createLogger('error') }
  const appending = openDatabase(database.url, { ...options, durability: 'durable' })
  // With delivery's settings: others sort the rest of a day until it is analysed.
  const reading = openDatabase(database.url, { ...options, durability: 'relaxed' })
  let appended = 0
  let newest = { after: 0, through: 0, keys: [] as string[] }

  return {
    title: count.toLocaleString('en'),
    async append(batches) {
      const events = Array.from({ length: batches }, (_, batch) =>
        newEvents(BATCH, { entities: ENTITIES, from: appended + batch * BATCH }),
      )
      const positions: number[] = []
      const started = performance.now()
      for (const batch of events) {
        for (const { position } of await appendEvents(appending.pool, batch))
          positions.push(position)
      }
      const took = performance.now() - started
      appended += positions.length
      newest = {
        after: (positions[0] as number) - 1,
        through: positions.at(-1) as number,
        keys: events.flat().map(({ idempotencyKey }) => idempotencyKey),
      }
      return (took * 1000) / positions.length
    },
    async read() {
      const all = { filter: null, isLive: true }
      const page = { tenant: TENANT, maxEvents: BATCH, maxBytes: limits.windowBytes, ...all }
      const { after: first, through, keys } = newest
      let took = 0
      for (let pass = 0; pass < READS; pass++) {
        const found: string[] = []
        const started = performance.now()
        for (let after = first; after < through; ) {
          const { rows } = await readPage(reading.kysely, { ...page, after, through })
          for (const { idempotencyKey } of rows) found.push(idempotencyKey)
          after = rows.at(-1)?.position ?? through
        }
        took += performance.now() - started
        if (found.join() !== keys.join()) {
          throw new Error(`Of ${keys.length} events ${found.length} were read, or not in order.`)
        }
      }
      return (took * 1000) / (READS * keys.length)
    },
    async close() {
      await Promise.all([appending.close(), reading.close()])
      await database.drop()
    },
  }
}
