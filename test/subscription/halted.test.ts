// A worker that loses its presence in the middle of what it had to send to a queue: the rest leaves
// later, and nobody says that the queue has failed.

import type http from 'node:http'
import { expect, it } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { errorOf } from '../helpers/broker.ts'
import { useSubscriptions } from '../helpers/subscriptions.ts'

const EVENTS = 20

const stage = useSubscriptions()

it('is no failure of the queue', async () => {
  await stage.subscribe('orders', { entityType: 'ORDER', active: false })
  for (let i = 0; i < EVENTS; i++) await stage.send('order.created', `o-${i}`)
  const held: (() => void)[] = []
  let alone = 0
  stage.broker.answer = (request, response: http.ServerResponse) => {
    // The first ones arrive: so the next are more than one a request.
    if (request.entries.length === 1 && held.length === 0) return false
    held.push(() => errorOf(400, 'InvalidParameterValue')(request, response))
    if (request.entries.length === 1) alone++
    return true
  }
  await stage.update({ id: 'orders', active: true })
  // Refused, it is divided and sent message by message; a message that was alone is rejected.
  await until('several are sent in one request', () => held.length > alone)
  const { pool } = stage.database.admin
  await pool.query(`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name like 'millrace presence %'`)
  await until('the presence is lost', () => stage.output().includes('presence lost'))
  stage.broker.answer = () => false
  for (const answer of held) answer()
  await stage.arrived('orders', EVENTS - alone)
  const { rows } = await pool.query(
    `select event_position, reason from attempt
    where tenant = $1 and attempt > 0 and outcome = 'unavailable'`,
    [stage.tenant],
  )
  expect(rows).toEqual([])
})
