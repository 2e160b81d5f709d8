// The database's clock is wrong for a while, and a service runs on: what may be published is
// delivered at once, what may not is refused with a reason, and when the clock is right again
// nothing waits for the time that it had shown.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { call, EVENTSTREAM, publish, register } from '../../scripts/kit/client.ts'
import { ok, type Receiver, startReceiver, status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { limits } from '../../src/config.ts'
import { shadowClock } from '../helpers/clock.ts'
import { useDatabase } from '../helpers/database.ts'
import { type Service, startService } from '../helpers/service.ts'

const database = useDatabase()
let setClock: (offset: string) => Promise<void>
let service: Service
let receiver: Receiver
let key = 0
let tenant = ''

beforeAll(async () => {
  setClock = await shadowClock(database.adminUrl)
  receiver = await startReceiver()
  service = await startService('start', {
    DATABASE_URL: database.url,
    MILLRACE_RETRY_BASE_MS: '200',
    MILLRACE_SWEEP_MS: '200',
    MILLRACE_LEASE_MS: '2000',
  })
})
beforeEach(async () => {
  await setClock('0')
  tenant = `tenant-${++key}`
  receiver.received.length = 0
  await register(service.url, 'erp', receiver.url, {}, tenant)
})
afterAll(() => Promise.all([service.kill('SIGTERM'), receiver.close()]))

const put = (payload: string) =>
  publish(service.url, { key: `${++key}`, payload, tenant, entityId: 'one' })
const bodies = () => receiver.received.map(({ body }) => JSON.parse(String(body)).payload)
const delivered = (...payloads: unknown[]) =>
  until(`${JSON.stringify(payloads)} came`, () => bodies().length >= payloads.length, 5_000).then(
    () => expect(bodies()).toEqual(payloads),
  )

describe("a database's clock", () => {
  it('of three days ahead: nothing is stored, with a reason, until it is right', async () => {
    await setClock('3 days')
    const refused = await put('{"n":1}')
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '10' } })
    const reason = /The database's clock is 2592\d\d s ahead of the service's: nothing was stored/
    expect(JSON.stringify(refused.body)).toMatch(reason)
    expect(service.output()).toMatch(/"level":"?(error|50).*The database's clock is/)
    const ready = await call(`${service.url}/readyz`, { token: null })
    expect(ready).toMatchObject({ status: 503, body: { message: expect.stringMatching(reason) } })
    const stop = await call(`${service.url}${EVENTSTREAM}/erp/_stop`, {
      method: 'POST',
      headers: { tenant },
    })
    expect(stop).toMatchObject({ status: 503, headers: { 'retry-after': '10' } })
    expect(JSON.stringify(stop.body)).toMatch(reason)
    await setClock('0')
    expect(await put('{"n":2}')).toMatchObject({ status: 201 })
    await delivered({ n: 2 })
  })

  it('of half a minute ahead: delivered at once, in order when it is set back', async () => {
    await setClock('30 s')
    expect(await put('{"n":1}')).toMatchObject({ status: 201 })
    await delivered({ n: 1 })
    await setClock('0')
    expect(await put('{"n":2}')).toMatchObject({ status: 201 })
    await delivered({ n: 1 }, { n: 2 })
  })

  it('of two hours ahead while a target fails: the retry comes when the clock is right', async () => {
    receiver.answer = status(503)
    await put('{"n":1}')
    await setClock('2 hours')
    await until('a retry is set two hours ahead', async () => {
      const { rows } = await database.pool.query(
        `select from cursor
         where tenant = $1 and retry_at > pg_catalog.clock_timestamp() + interval '1 hour'`,
        [tenant],
      )
      return rows.length > 0
    })
    receiver.answer = ok
    receiver.received.length = 0
    await setClock('0')
    await delivered({ n: 1 })
  })

  it('of sixty days ahead while an event waits: it is delivered once, and that is noted', async () => {
    receiver.answer = status(503)
    await put('{"n":1}')
    await until('it was tried', () => bodies().length > 0)
    await setClock('60 days')
    receiver.answer = ok
    receiver.received.length = 0
    const isDone = async () => {
      const { rows } = await database.pool.query(
        `select from cursor where tenant = $1 and owner is null and unresolved = '{}'`,
        [tenant],
      )
      return rows.length > 0
    }
    await delivered({ n: 1 })
    await until('it is written down', isDone)
    expect(bodies()).toEqual([{ n: 1 }])
  })

  it('of sixty days ahead while a stream fails and recovers: the alerts are within the bound', async () => {
    const alerts = async () => {
      const { rows } = await database.pool.query<{ name: string; position: number }>(
        `select name, position from event
         where tenant = $1 and name ~ '_(interrupted|recovered)$' order by position`,
        [tenant],
      )
      return rows
    }
    receiver.answer = status(503)
    await put('{"n":1}')
    await until('it is interrupted', async () => (await alerts()).length === 1)
    await setClock('60 days')
    receiver.answer = ok
    const last = await until('it has recovered', async () => (await alerts())[1])
    expect(last).toMatchObject({ name: 'millrace.integration_recovered' })
    expect(last.position).toBeLessThanOrEqual((Date.now() + limits.clockAheadMs) * 1_000)
    await setClock('0')
    receiver.received.length = 0
    expect(await put('{"n":2}')).toMatchObject({ status: 201 })
    await delivered({ n: 2 })
    const { rows } = await database.admin.pool.query(
      `select pg_sequence_last_value('lane_position') as "end"`,
    )
    expect(rows[0].end).toBeLessThanOrEqual((Date.now() + limits.clockAheadMs) * 1_000)
  })

  it('that made an event three days ahead: it is delivered at once, and so is the next', async () => {
    await setClock('3 days')
    await database.pool.query(
      `select from publish_event($1, 'order.created', 'one', 'sql', '{"n":1}')`,
      [tenant],
    )
    await setClock('0')
    await delivered({ n: 1 })
    expect(await put('{"n":2}')).toMatchObject({ status: 201 })
    await delivered({ n: 1 }, { n: 2 })
  })
})
