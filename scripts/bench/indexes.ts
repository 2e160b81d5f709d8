// The cost of the indexes of readers for an append, without HTTP: batches into a log that has them,
// and into one that has not. A worker moves new ids into their index every two seconds; the second
// line has that, too. Commits do not wait for the disk: that would hide the difference.

import type pg from 'pg'
import { openDatabase } from '../../src/db/pool.ts'
import { appendEvents } from '../../src/log/append.ts'
import { createLogger } from '../../src/logger.ts'
import { flushEventIds } from '../../src/maintenance/event-ids.ts'
import { byTurns } from '../kit/measure.ts'
import { query } from '../kit/postgres.ts'
import { newEvents } from './events.ts'
import { compare, type Scenario } from './scenario.ts'

const BATCH = 500
const ENTITIES = 10_000

const sizes = { full: { rounds: 9, batches: 40 }, smoke: { rounds: 1, batches: 1 } }

export const indexes: Scenario = {
  name: 'indexes',
  async run(stage, size) {
    const { rounds, batches } = sizes[size]
    const [indexed, plain] = [await stage.database('indexed'), await stage.database('plain')]
    await query(plain.url, 'drop index event_by_id, event_in_order')
    const logger = createLogger('error')
    const poolOf = ({ url }: { url: string }) =>
      openDatabase(url, { durability: 'relaxed', max: 1, logger }).pool
    const [own, bare] = [poolOf(indexed), poolOf(plain)]
    const flushed: number[] = []
    const turn = (pool: pg.Pool, after = async () => {}) => {
      let from = 0
      return async () => {
        const events = newEvents(batches * BATCH, { entities: ENTITIES, from }).map((event) => ({
          ...event,
          correlationIds: `{"order_id":"${event.entityId}","customer_id":"of-${event.entityId}"}`,
        }))
        from += events.length
        const started = performance.now()
        for (let i = 0; i < events.length; i += BATCH) {
          const appended = await appendEvents(pool, events.slice(i, i + BATCH))
          const bad = appended.find(({ outcome }) => outcome !== 'appended')
          if (bad) throw new Error(`An event was not appended: ${bad.outcome}.`)
        }
        const took = performance.now() - started
        await after()
        if (pool === own) flushed.push((events.length * 1000) / (performance.now() - started))
        return (events.length * 1000) / took
      }
    }
    try {
      const turns = { own: turn(own, () => flushEventIds(own)), bare: turn(bare) }
      await byTurns(1, turns) // warms up
      flushed.length = 0
      const runs = await byTurns(rounds, turns)
      const without = { what: 'without them', runs: runs.bare }
      const what = `append in batches of ${BATCH}, with the indexes of readers`
      return [
        compare(what, runs.own, without, '≥ 0.9'),
        compare(`${what}, and ids moved`, flushed, without),
      ]
    } finally {
      await Promise.all([own.end(), bare.end()])
      await Promise.all([indexed.drop(), plain.drop()])
    }
  },
}
