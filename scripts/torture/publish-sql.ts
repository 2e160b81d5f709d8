// Publishers in SQL: with publish_event in their own transactions, and with append_events in
// batches, as the service does it. A committed transaction is in the log as a whole; a rolled-back
// one is not. A commit without an answer is repeated, with the same keys.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from '../kit/chance.ts'
import { keyOf, NAMES, nameOfRoll, payloadOf, tenantOf } from './event.ts'
import { type Entities, type Publisher, type PublisherServices, pickEntity } from './publisher.ts'

const MOST_AT_ONCE = 200
const ONE_BY_ONE = 0.1
const FEW = 10
const ROLLED_BACK = 0.05
const REPEAT_MS = [20, 120] as const

// One transaction and one round trip, so that no client can hold the lane between two.
const publishEach = `
  select published.position
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    with ordinality as given(tenant, name, entity, key, payload, number)
  cross join lateral publish_event(tenant, name, entity, key, payload::json) as published
  order by number`
const publishBatch = `
  select position
  from append_events(
    $1::text[], $2::text[], $3::text[], $4::text[],
    array_fill('team-torture'::text, array[cardinality($1)]),
    array_fill('sql'::text, array[cardinality($1)]),
    array_fill('{}'::text, array[cardinality($1)]),
    $5::text[]
  )`

/** Names that few targets take: for events by the thousand. */
const COMMON = [2, 3, 4]
const COMMON_SHARE = 0.85

export function createSqlPublisher(
  { connect, journal, findings }: PublisherServices,
  chance: Chance,
  entities: Entities,
): Publisher {
  const session = connect()
  return {
    async next() {
      if (chance.happens(ROLLED_BACK)) await rollBack()
      const isEach = chance.happens(ONE_BY_ONE)
      const count = chance.whole(1, isEach ? FEW : MOST_AT_ONCE)
      const serials = Array.from({ length: count }, () =>
        journal.begin(pickEntity(chance, entities), pickName(chance)),
      )
      await publish(serials, isEach ? publishEach : publishBatch)
      return count
    },
    close: () => session.close(),
  }

  async function publish(serials: number[], statement: string): Promise<void> {
    const ids = serials.map((serial) => journal.entityOf(serial))
    const values = [
      ids.map(tenantOf),
      serials.map((serial) => NAMES[journal.nameOf(serial)]),
      ids.map((id) => `e${id}`),
      serials.map(keyOf),
      serials.map(payloadOf),
    ]
    for (;;) {
      const rows = await session.ask<{ position: number }>(statement, values).catch((error) => {
        findings.broke('refused', `${serials.length} events in SQL: ${error.message}`)
        return []
      })
      if (rows) {
        for (const [index, row] of rows.entries()) {
          journal.answered(serials[index] as number, row.position)
        }
        return
      }
      journal.counts.repeated++
      await sleep(chance.whole(...REPEAT_MS))
    }
  }

  /** Its key begins with x, and is not in the log. One message, so that it is one transaction. */
  async function rollBack(): Promise<void> {
    const event = `'torture', 'order.created', 'order-refused', 'x${chance.uuid()}', '{}'`
    await session
      .ask(`begin; select from publish_event(${event}); rollback`)
      .catch((error) => findings.broke('refused', `an event in SQL: ${error.message}`))
  }
}

function pickName(chance: Chance): number {
  if (chance.happens(COMMON_SHARE)) return chance.pick(COMMON)
  return nameOfRoll(chance.whole(0, 99))
}
