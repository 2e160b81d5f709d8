// The rival of wake-ups, in a process of its own: it looks for new events every 100 ms and posts
// each, with the same kind of request as Millrace.

import { setTimeout as sleep } from 'node:timers/promises'
import { Agent } from 'undici'
import { openDatabase } from '../../src/db/pool.ts'
import { createLogger } from '../../src/logger.ts'
import { serveCalls } from '../kit/remote.ts'
import { newEvent, TENANT, webhookOf } from './events.ts'

export type Polling = { databaseUrl: string; targetUrl: string; after: number; everyMs: number }

type Row = { position: number; idempotency_key: string; payload: string }

const pageStatement = {
  name: 'poll',
  text: `
    select position, idempotency_key, payload from event
    where tenant = $1 and position > $2
    order by position limit 500`,
}

serveCalls({
  ping: () => {},
  start(polling: Polling) {
    poll(polling).catch((error: Error) => {
      console.error(error)
      process.exit(1)
    })
  },
})

async function poll({ databaseUrl, targetUrl, after, everyMs }: Polling): Promise<void> {
  const logger = createLogger('error')
  const { pool } = openDatabase(databaseUrl, { durability: 'relaxed', max: 1, logger })
  const agent = new Agent()
  const { origin, pathname: path } = new URL(targetUrl)
  const template = newEvent(0, { entities: 1 })
  let position = after
  for (;;) {
    const looked = performance.now()
    const { rows } = await pool.query<Row>({ ...pageStatement, values: [TENANT, position] })
    // One after the other: an entity's events must arrive in order.
    for (const row of rows) await post(row)
    await sleep(Math.max(0, looked + everyMs - performance.now()))
  }

  async function post(row: Row): Promise<void> {
    const payload = Buffer.from(row.payload)
    const event = { ...template, idempotencyKey: row.idempotency_key, payload }
    const { headers, body } = webhookOf(event, row.position)
    const answer = await agent.request({ origin, path, method: 'POST', headers, body })
    await answer.body.dump()
    position = row.position
  }
}
