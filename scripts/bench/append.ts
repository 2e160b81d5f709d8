// The cost of one event that comes alone, without HTTP, in a log of 38 daily partitions: through
// the function for one event, through the one for batches, and as its share of a batch. Commits do
// not wait for the disk: that cost is the same for all, and would hide the difference.

import { openDatabase } from '../../src/db/pool.ts'
import { appendEvents, appendThrough } from '../../src/log/append.ts'
import type { NewEvent } from '../../src/log/event.ts'
import { createLogger } from '../../src/logger.ts'
import { byTurns } from '../kit/measure.ts'
import { newEvents, TENANT } from './events.ts'
import { fillDays } from './growth-fill.ts'
import { compare, type Scenario } from './scenario.ts'

const PAST = 3_000
const BATCH = 500

const sizes = {
  full: { days: 30, rounds: 21, calls: 200, batches: 4 },
  smoke: { days: 2, rounds: 1, calls: 5, batches: 1 },
}

export const append: Scenario = {
  name: 'append',
  async run(stage, size) {
    const { days, rounds, calls, batches } = sizes[size]
    const database = await stage.database('append')
    await fillDays(database.url, { events: PAST, days, tenant: TENANT })
    const logger = createLogger('error')
    const { pool, close } = openDatabase(database.url, { durability: 'relaxed', max: 1, logger })
    let from = 0
    /** Appends in calls of `each`: microseconds an event. */
    const turn = (count: number, each: number, act: typeof alone) => async () => {
      const events = newEvents(count, { entities: 1_000, from })
      from += count
      const outcomes: string[] = []
      const started = performance.now()
      for (let i = 0; i < count; i += each) {
        for (const { outcome } of await act(events.slice(i, i + each))) outcomes.push(outcome)
      }
      const took = performance.now() - started
      if (outcomes.filter((outcome) => outcome === 'appended').length !== count) {
        throw new Error(`Of ${count} events not all were appended.`)
      }
      return (took * 1000) / count
    }
    const alone = (events: NewEvent[]) => appendEvents(pool, events)
    const turns = {
      alone: turn(calls, 1, alone),
      asBatch: turn(calls, 1, (events) => appendThrough('append_events', pool, events)),
      share: turn(batches * BATCH, BATCH, alone),
    }
    try {
      await byTurns(1, turns) // warms up
      const runs = await byTurns(rounds, turns)
      const what = 'append of one event alone'
      const lines = [
        compare(what, runs.alone, { what: 'through append_events', runs: runs.asBatch }, '≤ 0.75'),
        compare(what, runs.alone, { what: `its share of ${BATCH}`, runs: runs.share }),
      ]
      return lines.map((line) => ({ ...line, unit: 'µs/event' }))
    } finally {
      await close()
      await database.drop()
    }
  },
}
