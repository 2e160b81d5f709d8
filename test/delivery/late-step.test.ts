// A step whose connection was lost, and that reaches the server when a later step is written
// already: the cursor stays where that one has brought it, and no event counts twice.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { publish, register } from '../../scripts/kit/client.ts'
import { ok, type Receiver, startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { type Service, startService } from '../helpers/service.ts'
import { startWire, type Wire } from '../helpers/wire.ts'

const database = useDatabase()
let wire: Wire
let server: Service
let worker: Service
let receiver: Receiver
/** Answers that are held back, by position. */
const held = new Map<number, () => void>()
beforeAll(async () => {
  receiver = await startReceiver((received, response) => {
    held.set(received.position, () => ok(received, response))
  })
  wire = await startWire(database.url)
  server = await startService('serve', { DATABASE_URL: database.url })
  worker = await startService('work', { DATABASE_URL: wire.url, MILLRACE_SWEEP_MS: '100' })
})
afterAll(async () => {
  await Promise.all([worker.kill('SIGTERM'), server.kill('SIGTERM')])
  await Promise.all([receiver.close(), wire.close()])
})

it('takes nothing back', async () => {
  const positions: number[] = []
  for (const entityId of ['a', 'b', 'c']) {
    const { body } = await publish(server.url, { key: entityId, entityId, payload: '{}' })
    positions.push(body.position)
  }
  const [first, second, third] = positions as [number, number, number]
  const starts_at = new Date(Date.now() - 60_000).toISOString()
  await register(server.url, 'erp', receiver.url, { starts_at })
  await until('the first is in flight', () => held.has(first))
  const unresolved = async () =>
    (await database.pool.query('select unresolved from cursor')).rows[0].unresolved
  const counted = async () =>
    (await database.pool.query('select sum(delivered)::integer as count from receipt')).rows[0]
      .count

  wire.catchNext('insert into receipt', 'late')
  held.get(first)?.()
  await until('the others are in flight', () => held.has(second) && held.has(third))
  await until('the step after the first is on its way', () => wire.caught === 1)
  held.get(second)?.()
  await until('the step after the second is written', async () => {
    return JSON.stringify(await unresolved()) === JSON.stringify([third])
  })
  await wire.deliver()
  expect(await unresolved()).toEqual([third])
  expect(await counted()).toBe(2)

  held.get(third)?.()
  await until('all is settled', async () => (await unresolved()).length === 0)
  expect(await counted()).toBe(3)
  expect(receiver.received.map(({ position }) => position)).toEqual(positions)
})
