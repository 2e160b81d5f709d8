// GET …/stats/minutes: the last hour of a stream, as its receipts and attempts have it.

import { describe, expect, it } from 'vitest'
import { EVENTSTREAM, publish, register } from '../../scripts/kit/client.ts'
import { ok } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'

const database = useDatabase()
const service = useService('start', database, () => ({ MILLRACE_RETRY_BASE_MS: '5' }))
const receiver = useReceiver()
const { ask, on } = api(service)

type Minute = {
  from: string
  delivered: number
  rejected: number
  failed: number
  latency_ms: { p50: number | null; p99: number | null }
}
async function minutes(): Promise<Minute[]> {
  const { status, body } = await on('erp', '/stats/minutes')
  expect(status).toBe(200)
  return body['minutes'] as Minute[]
}
const sumOf = (list: Minute[], field: 'delivered' | 'rejected' | 'failed') =>
  list.reduce((sum, minute) => sum + minute[field], 0)

describe('the minutes of a stream', () => {
  it('have each delivery, rejection and failed try once', async () => {
    // Two tries fail, one event is rejected, all others are taken.
    let failures = 2
    receiver.answer = (request, response) => {
      if (request.body.includes('"bad"')) response.writeHead(400).end()
      else if (failures-- > 0) response.writeHead(503).end()
      else ok(request, response)
    }
    await register(service.url, 'erp', receiver.url)
    for (const key of ['a', 'bad', 'c']) {
      await publish(service.url, { key, payload: `{"id":"${key}"}` })
    }
    await until('all are settled', async () => {
      const list = await minutes()
      return sumOf(list, 'delivered') === 2 && sumOf(list, 'rejected') === 1
    })
    const list = await minutes()
    expect(list).toHaveLength(60)
    expect(sumOf(list, 'failed')).toBe(2)
    const { body } = await on('erp', '/stats')
    expect(body['counts']).toMatchObject({ delivered: 2, rejected: 1 })
    const busy = list.filter(({ delivered }) => delivered > 0)
    for (const { latency_ms } of busy) expect(latency_ms.p50).toBeGreaterThan(0)
    expect(list[0]).toMatchObject({ delivered: 0, latency_ms: { p50: null, p99: null } })
    const times = list.map(({ from }) => Date.parse(from))
    expect(times.every((time) => time % 60_000 === 0)).toBe(true)
    expect(times).toEqual(times.map((_, i) => (times[0] as number) + i * 60_000))
  })

  it('are in the minute in which they happened, within an hour', async () => {
    // A step that began an hour and a half ago, and one of 30 minutes ago.
    const insert = (ago: string, delivered: number) =>
      database.admin.pool.query(
        `insert into receipt
         select 'dodici', position_of(now() - $1::interval), 'old', 0, 1, 1, 2, $2, 0, 0,
           '{0,0,5}'`,
        [ago, delivered],
      )
    await database.admin.pool.query(
      `select create_partition('receipt', (now() at time zone 'UTC')::date - 1, 1)`,
    )
    await register(service.url, 'old', receiver.url)
    await database.admin.pool.query(
      `update consumer set created_position = created_position - 7200000000 where id = 'old'`,
    )
    await insert('90 minutes', 100)
    await insert('30 minutes', 5)
    const { body } = await ask('GET', `${EVENTSTREAM}/old/stats/minutes`)
    const list = body['minutes'] as Minute[]
    expect(sumOf(list, 'delivered')).toBe(5)
    expect(list[29]).toMatchObject({ delivered: 5, latency_ms: { p50: 4, p99: 4 } })
  })

  it('are not there of an integration that nobody knows', async () => {
    expect((await on('nobody', '/stats/minutes')).status).toBe(404)
    const subscription = await ask('GET', '/api/v1/event-subscription/nobody/stats/minutes')
    expect(subscription.status).toBe(404)
  })
})
