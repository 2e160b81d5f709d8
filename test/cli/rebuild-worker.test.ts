// `rebuild config --apply` while a worker goes by a row that was altered: it has no lease any more.

import { expect, it } from 'vitest'
import { call, publish, register } from '../../scripts/kit/client.ts'
import { createJob } from '../../scripts/kit/jobs.ts'
import type { Receiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { useReceiver, useService } from '../helpers/service.ts'
import { rebuilt } from './rebuilding.ts'

const database = useDatabase()
const query = async (text: string) => (await database.admin.pool.query(text)).rows
const apply = async () =>
  expect(await rebuilt(database, { apply: true })).toMatchObject({ isSame: true })
const receiver = useReceiver()
const stranger = useReceiver()
const service = useService('start', database, () => ({
  MILLRACE_SWEEP_MS: '50',
  // A lease that no step takes away within the time of this test.
  MILLRACE_LEASE_MS: '300000',
}))

it('sends nothing more to where an altered row has led, idle or busy', async () => {
  await register(service.url, 'busy', receiver.url)
  let sent = 0
  const send = () => publish(service.url, { key: `${sent++}`, payload: '{}' })
  const arrived = (at: Receiver, count: number) =>
    until(`${count} events have arrived`, () => at.received.length >= count)
  await send()
  await arrived(receiver, 1)
  await database.admin.pool.query(
    `update consumer set document =
       jsonb_set(document, '{callback_parameters,callback_url}', to_jsonb($1::text))`,
    [stranger.url],
  )
  await query('update cursor set epoch = epoch + 1, owner = null, lease_until = null')
  await query(`select pg_notify('millrace_halt', 'dodici/busy')`)
  // Without an event to send it would stay without a lease, if its progress was written before.
  await send()
  await until('it is leased anew', async () => {
    const [cursor] = await query('select owner from cursor')
    return cursor?.['owner'] !== null
  })
  await arrived(stranger, 1)
  const [before] = await query('select epoch from cursor')

  await apply()
  const [after] = await query('select epoch from cursor')
  expect(Number(after?.['epoch'])).toBeGreaterThan(Number(before?.['epoch']))
  const strangers = stranger.received.length
  for (let n = 0; n < 20; n++) await send()
  await arrived(receiver, 21)
  expect(stranger.received.length).toBe(strangers)
})

it('takes the leases of jobs whose document, or whose sender, was altered', async () => {
  await createJob(service.url)
  const sender = JSON.stringify({ api_key: 'SG.of-dodici', from_email: 'shop@example.com' })
  await call(`${service.url}/api/v1/notification-sender`, { method: 'PUT', body: sender })
  const lease = `update notification_job set epoch = 5, lease_until = clock_timestamp() + '1 hour',
    owner = (select owner from cursor where consumer = 'busy')`
  const state = () => query('select epoch::integer, owner, lease_until from notification_job')
  await until('busy is leased', async () => {
    const [cursor] = await query(`select owner from cursor where consumer = 'busy'`)
    return cursor?.['owner'] !== null
  })
  for (const alter of [
    `update notification_job set document = document || '{"template_id": "d-other"}'`,
    `update notification_sender set document = document || '{"url": "http://127.0.0.1:9/"}'`,
  ]) {
    await query(lease)
    await query(alter)
    await apply()
    expect(await state()).toEqual([{ epoch: 6, owner: null, lease_until: null }])
  }
  // One that is as it was keeps its lease.
  await query(lease)
  await query(`update consumer set version = 9 where id = 'busy'`)
  await apply()
  expect(await state()).toMatchObject([{ epoch: 5 }])
})
