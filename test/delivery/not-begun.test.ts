// A turn that gets the lease, and has no destination, or cannot read the events that the one before
// it has left: it gives the lease back with all of them, and another turn begins soon.

import { expect, it } from 'vitest'
import { call, EVENTSTREAM, publish, register, send } from '../../scripts/kit/client.ts'
import { ok, status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { useReceiver, useService } from '../helpers/service.ts'

const database = useDatabase()
const receiver = useReceiver()
// A lease that nobody gives back would last longer than the test.
const service = useService('start', database, () => ({
  MILLRACE_LEASE_MS: '300000',
  // Nor does it wait for a sweep.
  MILLRACE_SWEEP_MS: '60000',
  MILLRACE_RETRY_BASE_MS: '50',
}))

/** Far less than the pause between two sweeps. */
const SOON_MS = 20_000
const brokenOff = () => service.output().split('"turn broken off"').length - 1

it('is tried again at once, and loses nothing', async () => {
  receiver.answer = status(500)
  await register(service.url, 'erp', receiver.url)
  const positions: number[] = []
  for (const entityId of ['a', 'b', 'c']) {
    const { body } = await publish(service.url, { key: entityId, entityId, payload: '{}' })
    positions.push(body.position)
  }
  const { pool } = database
  await until('one waits', async () => {
    const { rows } = await pool.query('select from cursor where cardinality(unresolved) > 0')
    return rows.length === 1
  })
  await database.admin.pool.query('alter table event rename to event_elsewhere')
  await until('a turn cannot begin', () => brokenOff() > 0)
  await database.admin.pool.query('alter table event_elsewhere rename to event')
  receiver.answer = ok
  receiver.received.length = 0
  await until('all arrive', () => new Set(receiver.received.map((r) => r.position)).size === 3)
  expect(new Set(receiver.received.map(({ position }) => position))).toEqual(new Set(positions))
  await until('all is settled', async () => {
    const { rows } = await pool.query('select from cursor where unresolved = $1', [[]])
    return rows.length === 1
  })
})

it('begins once there is a destination again', async () => {
  const { pool } = database.admin
  const callback = (url: string) =>
    pool.query(
      `update consumer
      set document = jsonb_set(document, '{callback_parameters,callback_url}', to_jsonb($1::text))`,
      [url],
    )
  const path = `${service.url}${EVENTSTREAM}/erp`
  const before = brokenOff()
  const stopped = await call(`${path}/_stop`, { method: 'POST' })
  expect(stopped.body).toMatchObject({ status: 'stopped' })
  await callback('no address at all')
  // Not by `call`: the answer shows an address that no answer may have.
  const started = await send(`${path}/_start`, { method: 'POST' })
  expect(started.status).toBe(200)
  receiver.received.length = 0
  const { body } = await publish(service.url, { key: 'd', entityId: 'd', payload: '{}' })
  await until('a turn has no destination', () => brokenOff() > before)
  await callback(receiver.url)
  const repairedAt = performance.now()
  await until('it arrives', () => receiver.received.some((r) => r.position === body.position))
  expect(performance.now() - repairedAt).toBeLessThan(SOON_MS)
})
