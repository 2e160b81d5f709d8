// Replays by date: temporary integrations, their end, their trace; and that live events do not
// wait.

import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { call, EVENTSTREAM, publish, register } from '../../scripts/kit/client.ts'
import { startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { positionOf } from '../../src/log/position.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, startService, useReceiver, useService } from '../helpers/service.ts'
import { rowsOf } from '../sql/rows.ts'

const DAY_US = 86_400_000_000
const EVENTS_A_DAY = 2_000
const database = useDatabase()
const receiver = useReceiver()
const today = Math.floor((Date.now() * 1000) / DAY_US) * DAY_US
const dayAt = (ago: number) => new Date((today - ago * DAY_US) / 1000).toISOString()

beforeAll(async () => {
  // Three days of the past, laid into the log with the positions they would have had.
  for (const ago of [3, 2, 1]) {
    const day = dayAt(ago).slice(0, 10)
    await database.admin.pool.query(`
      select create_partition('event', date '${day}', 1);
      insert into event
      select 'dodici', ${today - ago * DAY_US} + i * ${Math.floor(DAY_US / EVENTS_A_DAY)}::bigint,
        'order.created', 'order-' || i % 50, 'past-${ago}-' || i, 't', 's', '{}', 8, '{"n": 1}'
      from generate_series(0, ${EVENTS_A_DAY - 1}) as i`)
  }
})
const service = useService('start', database, () => ({
  MILLRACE_RETRY_BASE_MS: '2',
  MILLRACE_SWEEP_MS: '100',
}))

const { on } = api(service)
const isGone = (id: string) =>
  until(`${id} is gone`, async () => (await on(id)).status === 404, 60_000)
const replay = (id: string, starts_at: string, ends_at: string, url = receiver.url) =>
  register(service.url, id, url, { integration_type: 'temporary', starts_at, ends_at })
const history = async (id: string) =>
  (
    await database.pool.query(
      'select action, status, reason, actor from config_log where id = $1 order by position',
      [id],
    )
  ).rows

describe('a temporary integration', () => {
  it('delivers exactly the events of its dates, and leaves the list', async () => {
    receiver.received.length = 0
    await replay('middle', dayAt(2), new Date(Date.parse(dayAt(1)) - 1).toISOString())
    await isGone('middle')
    const positions = receiver.received.map(({ position }) => position)
    expect(new Set(positions).size).toBe(EVENTS_A_DAY)
    expect(positions.length).toBe(EVENTS_A_DAY)
    expect(Math.min(...positions)).toBe(positionOf(dayAt(2)))
    expect(Math.max(...positions)).toBeLessThan(positionOf(dayAt(1)) as number)
    expect(await history('middle')).toMatchObject([
      { action: 'integration_started', status: 'running' },
      {
        action: 'integration_completed',
        status: 'removed',
        actor: 'millrace',
        reason: expect.stringContaining(`${EVENTS_A_DAY} delivered, 0 rejected`),
      },
    ])
    const { rows } = await database.pool.query(
      `select sum(delivered)::integer as delivered from receipt where consumer = 'middle'`,
    )
    expect(rows[0].delivered).toBe(EVENTS_A_DAY)
  })

  it('includes the event at its very end, and follows an end that lies ahead', async () => {
    receiver.received.length = 0
    const starts_at = new Date().toISOString()
    const ends_at = new Date(Date.now() + 2_500).toISOString()
    await replay('ahead', starts_at, ends_at)
    const { body } = await publish(service.url, { key: randomUUID(), payload: '{"live":true}' })
    await until('the live event arrives', () =>
      receiver.received.some(({ position }) => position === body.position),
    )
    expect((await on('ahead')).status).toBe(200)
    await isGone('ahead')
    const late = await publish(service.url, { key: randomUUID(), payload: '{"late":true}' })
    expect(receiver.received.map(({ position }) => position)).not.toContain(late.body.position)
  })

  it('shows its progress, and can be stopped and started', async () => {
    const answers: (() => void)[] = []
    const slow = await startReceiver((_, response) => answers.push(() => response.end()))
    await replay('slow', dayAt(3), dayAt(2), slow.url)
    await until('one is under way', () => answers.length > 0)
    const stats = (await on('slow', '/stats')).body
    expect(stats['replay']).toMatchObject({ delivered: 0, total: EVENTS_A_DAY + 1 })
    await until('it is written down that it was read', async () => {
      const { rows } = await database.pool.query(
        `select from cursor where consumer = 'slow' and unresolved <> '{}'`,
      )
      return rows.length > 0
    })
    const progress = (await rowsOf(database.url, 'replay/progress')).find(
      ({ integration }) => integration === 'slow',
    )
    expect(progress).toMatchObject({ state: 'running', delivered: 0 })
    expect(Date.parse(String(progress?.['replays_from']))).toBe(Date.parse(dayAt(3)))
    const stopping = on('slow', '/_stop', 'POST')
    const release = setInterval(() => {
      for (const answer of answers.splice(0)) answer()
    }, 5)
    expect((await stopping).body['status']).toBe('stopped')
    const before = slow.received.length
    expect((await on('slow', '/stats')).body).toMatchObject({ status: 'stopped' })
    await on('slow', '/_start', 'POST')
    await isGone('slow')
    clearInterval(release)
    expect(slow.received.length).toBeGreaterThan(before)
    expect(new Set(slow.received.map(({ position }) => position)).size).toBe(EVENTS_A_DAY + 1)
    await slow.close()
  })

  it('is completed once, however often it is killed around its end', async () => {
    receiver.received.length = 0
    let killed = service
    await replay('killed', dayAt(3), new Date(Date.parse(dayAt(2)) - 1).toISOString())
    for (let kill = 0; kill < 3; kill++) {
      const next = (kill + 1) * 600
      await until('some have arrived', () => receiver.received.length >= next)
      await killed.kill('SIGKILL')
      killed = await startService('start', {
        DATABASE_URL: database.url,
        MILLRACE_LEASE_MS: '700',
        MILLRACE_SWEEP_MS: '100',
      })
      Object.assign(service, killed)
    }
    await isGone('killed')
    expect(new Set(receiver.received.map(({ position }) => position)).size).toBe(EVENTS_A_DAY)
    const actions = (await history('killed')).map(({ action }) => action)
    expect(actions.filter((action) => action === 'integration_completed')).toHaveLength(1)
  })

  it('cannot be updated', async () => {
    await replay('fixed', dayAt(1), new Date(Date.now() + 60_000).toISOString())
    await on('fixed', '/_stop', 'POST')
    const reply = await call(`${service.url}${EVENTSTREAM}/fixed`, { method: 'PATCH', body: '{}' })
    expect(reply).toMatchObject({
      status: 400,
      body: { message: expect.stringMatching(/temporary/) },
    })
    await on('fixed', '', 'DELETE')
  })
})

describe('a start before the retention', () => {
  it('begins at the oldest event kept, and says so', async () => {
    await register(service.url, 'ancient', receiver.url, { starts_at: '2020-01-01T00:00:00Z' })
    const { body } = await on('ancient', '/logs')
    expect(body['entries']).toContainEqual({
      action: 'started_at_oldest_event',
      actor: 'millrace',
      reason: expect.stringContaining(dayAt(3).slice(0, 10)),
      created_at: expect.any(String),
    })
    await on('ancient', '', 'DELETE')
  })
})

describe('a replay by SQL', () => {
  it('is another run of an integration; it ends and leaves the live one alone', async () => {
    await register(service.url, 'live', receiver.url)
    receiver.received.length = 0
    await database.pool.query(
      `insert into cursor (tenant, consumer, run, read_position, stop_position)
       values ('dodici', 'live', 1, $1, $2)`,
      [(positionOf(dayAt(1)) as number) - 1, positionOf(dayAt(0))],
    )
    await until('the run is completed', async () => {
      const { rows } = await database.pool.query(`select run from cursor where consumer = 'live'`)
      return rows.length === 1 && rows[0].run === 0
    })
    expect(receiver.received.length).toBe(EVENTS_A_DAY)
    expect((await history('live')).at(-1)).toMatchObject({
      action: 'replay_completed',
      reason: expect.stringMatching(
        /^Replay 1: everything up to .*Z was sent: \d+ delivered, 0 rej/,
      ),
      status: 'running',
    })
  })
})
