// Replays of an integration over the API: what they send, what they say, and what they leave alone.

import { expect, it } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { limits } from '../../src/config.ts'
import { timeOf } from '../../src/log/position.ts'
import { useDatabase } from '../helpers/database.ts'
import { useReceiver, useService } from '../helpers/service.ts'
import { published, rowsOf } from '../sql/rows.ts'
import { openShop } from './shop.ts'

const database = useDatabase()
/** Positions that are answered with this status, by tenant. */
const answers = new Map<string, number>()
const receiver = useReceiver(({ url, position }, response) =>
  response.writeHead(answers.get(`${url} ${position}`) ?? 200).end('Answered.'),
)
const service = useService('start', database, () => ({
  MILLRACE_RETRY_BASE_MS: '2',
  MILLRACE_SWEEP_MS: '100',
}))
const open = (names: string[], more?: Record<string, unknown>) =>
  openShop({ service, receiver }, names, more)
const orders = (count: number) => Array<string>(count).fill('order.created')

it('sends a range once more, both ends included, beside the live stream', async () => {
  const shop = await open(orders(5), {
    callback_parameters: { callback_url: receiver.url, api_key: 'a-key' },
  })
  await until('all are there', () => receiver.received.length >= 5)
  const live = receiver.received.splice(0)
  const [, first = 0, , last = 0] = shop.positions
  const reply = await shop.start({ from: timeOf(first), to: timeOf(last) })
  expect(reply).toMatchObject({
    status: 201,
    body: { number: 1, total: 3, is_estimate: false, rate: null, started_by: 'admin token' },
  })
  const done = await shop.becomes(1, 'completed')
  expect(done).toMatchObject({
    delivered: 3,
    rejected: 0,
    filtered_out: 0,
    total: 3,
    ended_by: 'millrace',
    from: timeOf(first),
    to: timeOf(last),
    settled_through: timeOf(last),
    estimated_seconds_left: 0,
    reason: expect.stringMatching(/^Everything up to .*Z was sent: 3 delivered, 0 rejected\.$/),
  })
  const again = receiver.received.splice(0)
  expect(again.map(({ position }) => position)).toEqual(shop.positions.slice(1, 4))
  for (const { headers, position } of again) {
    const before = live.find((one) => one.position === position)
    expect(headers['webhook-id']).toBe(before?.headers['webhook-id'])
    expect(headers.authorization).toBe('Bearer a-key')
  }
  await shop.publishOne('order.created')
  await until('the live stream goes on', () => receiver.received.length === 1)
  expect((await shop.logs()).slice(0, 2)).toMatchObject([
    { action: 'replay_completed', reason: expect.stringMatching(/^Replay 1: everything up/) },
    { action: 'replay_started', reason: expect.stringMatching(/^Replay 1 of .* via API\.$/) },
  ])
})

it('goes by a filter of its own, and audits know it', async () => {
  const names = ['order.created', 'invoice.created', 'return.processed', 'order.opened']
  const shop = await open(names, { filter_conditions: { entity_filter: ['order'] } })
  await shop.settled(2)
  const filter_conditions = { event_filter: ['invoice.created', 'order.opened'] }
  const { body } = await shop.start({ filter_conditions })
  expect(body).toMatchObject({ total: 2, filter_conditions })
  expect(await shop.becomes(1, 'completed')).toMatchObject({ delivered: 2, filtered_out: 2 })
  const [, invoice, , opened] = shop.positions
  expect(shop.arrivals().map(({ position }) => position)).toEqual([invoice, opened])
  const period = [`tenant=${shop.tenant}`, 'integration=erp', 'from=yesterday', 'to=tomorrow']
  const told = await until('the live receipt is there', async () => {
    const all = await rowsOf(database.url, 'audit/undelivered', ...period)
    const rows = published(all)
    return rows.every(({ state }) => state === 'filtered_out') && rows
  })
  expect(told).toMatchObject([{ name: 'return.processed' }])
})

it('counts without a start, and warns of names that nobody has published', async () => {
  const shop = await open(['order.created', 'invoice.created'])
  await shop.settled(2)
  // The oldest one tells of the registration.
  const oldest_event_at = expect.any(String)
  const plan = { ...shop.range, events: 2, is_estimate: false, oldest_event_at }
  expect(await shop.dryRun()).toMatchObject({ status: 200, body: plan })
  const some = await shop.dryRun({ filter_conditions: { event_filter: ['order.creatd'] } })
  expect(some.body).toMatchObject({ events: 0, warnings: [{ nearest: ['order.created'] }] })
  // An end in the future is now.
  const { body } = await shop.dryRun({ to: '2099-01-01T00:00:00Z' })
  expect(body).toMatchObject({ events: 2 })
  expect(Date.parse(body['to'] as string)).toBeLessThanOrEqual(Date.now())
  expect(await shop.list()).toEqual({ replays: [] })
  expect((await shop.logs()).map(({ action }) => action)).toEqual(['integration_started'])
})

it('refuses what cannot be replayed, and names the field', async () => {
  const shop = await open(orders(1))
  const refusals: [Record<string, unknown>, string][] = [
    [{ from: undefined }, 'from is missing.'],
    [{ to: 'yesterday' }, 'to must be a time like 2026-01-17T12:00:00.000Z.'],
    [{ to: '2020-01-01T00:00:00Z' }, 'to must not be before from.'],
    [{ from: '2099-01-01T00:00:00Z' }, 'from must not be in the future.'],
    [{ filter_conditions: {} }, 'filter_conditions names nothing: name an event or an entity'],
    [{ rate: 0 }, 'rate must be >= 1.'],
    [{ callback_parameters: {} }, 'callback_parameters is not known.'],
  ]
  for (const [given, message] of refusals) {
    const reply = await shop.start(given)
    expect(reply).toMatchObject({ status: 400, body: { error_code: 'invalid_request' } })
    expect(reply.body['message']).toContain(message)
  }
  const odd = await shop.ask('POST', `${PATH}?dry_run=maybe`, shop.range)
  expect(odd).toMatchObject({ status: 400, body: { message: 'dry_run must be true or false.' } })
  for (const number of ['0', '1', 'x', '99999999999']) {
    expect((await shop.ask('GET', `${PATH}/${number}`)).status).toBe(404)
    expect((await shop.ask('DELETE', `${PATH}/${number}`)).status).toBe(404)
  }
  expect(await shop.list()).toEqual({ replays: [] })
})
const PATH = '/api/v1/org/integrations/eventstream/erp/replays'

it('sends no faster than its rate, and the others as before', async () => {
  const shop = await open(orders(12))
  await shop.settled(12)
  await shop.start({ rate: 10 })
  await shop.becomes(1, 'completed')
  const times = shop.arrivals().map(({ at }) => at)
  expect(times).toHaveLength(12)
  // Eleven pauses of 100 ms; a timer may be a millisecond early.
  expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(11 * 99)
})

it('comes after the one before it, in a queue that has a limit', async () => {
  const shop = await open(orders(3))
  await shop.settled(3)
  await shop.on('/_stop', 'POST')
  for (let number = 1; number <= limits.replaysUnderWay; number++) {
    expect((await shop.start()).body).toMatchObject({ number })
  }
  expect(await shop.start()).toMatchObject({
    status: 409,
    body: { message: '10 of its replays are under way or queued, the maximum: cancel one.' },
  })
  expect(await shop.replay(1)).toMatchObject({
    state: 'waiting',
    reason: 'The integration is stopped: the replay goes on when it is started.',
  })
  for (let number = 3; number <= limits.replaysUnderWay; number++) {
    expect((await shop.cancel(number)).body).toMatchObject({ state: 'cancelled', delivered: 0 })
  }
  await shop.on('/_start', 'POST')
  const [one, two] = [await shop.becomes(1, 'completed'), await shop.becomes(2, 'completed')]
  expect([one.delivered, two.delivered]).toEqual([3, 3])
  expect(shop.arrivals().map(({ position }) => position)).toEqual([
    ...shop.positions,
    ...shop.positions,
  ])
  const page = await shop.list('?limit=1')
  expect(page).toMatchObject({ replays: [{ number: 10 }], next: '10' })
  expect(await shop.list('?limit=2&after=3')).toMatchObject({
    replays: [{ number: 2 }, { number: 1 }],
  })
})

it('fails alone when its retries are used up, and the next one comes', async () => {
  const shop = await open(orders(3))
  await shop.settled(3)
  const [, bad] = shop.positions
  answers.set(`/${shop.tenant} ${bad}`, 500)
  await shop.start()
  const failed = await shop.becomes(1, 'failed')
  expect(failed).toMatchObject({
    rejected: 0,
    total: 3,
    ended_by: 'millrace',
    reason: `The event at position ${bad} failed 11 times; no retries are left.`,
  })
  expect(Date.parse(failed.settled_through ?? '')).toBeLessThan((bad ?? 0) / 1000)
  answers.delete(`/${shop.tenant} ${bad}`)
  expect((await shop.on()).body).toMatchObject({ status: 'running' })
  await shop.start()
  expect(await shop.becomes(2, 'completed')).toMatchObject({ delivered: 3 })
  expect(await shop.cancel(1)).toMatchObject({
    status: 409,
    body: { message: 'Replay 1 has failed already.' },
  })
  const live = await shop.publishOne('order.created')
  await until('live goes on', () => shop.arrivals().some(({ position }) => position === live))
})

it('keeps what is rejected with the others, and ends at their limit', async () => {
  const shop = await open(orders(limits.rejectedEvents + 2))
  await shop.settled(limits.rejectedEvents + 2)
  for (const position of shop.positions) answers.set(`/${shop.tenant} ${position}`, 400)
  const [first = 0] = shop.positions
  await shop.start({ to: timeOf(first) })
  expect(await shop.becomes(1, 'completed')).toMatchObject({ delivered: 0, rejected: 1 })
  await shop.start()
  expect(await shop.becomes(2, 'failed')).toMatchObject({
    reason: `The limit of ${limits.rejectedEvents} rejected events is reached.`,
  })
  expect((await shop.on()).body).toMatchObject({ status: 'running' })
  const kept = (await shop.on('/rejected_events')).body['rejected_events'] as unknown[]
  expect(kept).toHaveLength(limits.rejectedEvents)
})

it('is cancelled with its integration, and its record stays', async () => {
  const shop = await open(orders(2))
  await shop.settled(2)
  await shop.on('/_stop', 'POST')
  await shop.start()
  await shop.start()
  await shop.on('', 'DELETE')
  expect((await shop.on()).status).toBe(404)
  for (const number of [1, 2]) {
    expect(await shop.replay(number)).toMatchObject({
      state: 'cancelled',
      ended_by: 'admin token',
      reason: 'The integration was removed.',
    })
  }
  expect(await shop.start()).toMatchObject({ status: 404, body: { message: /was deleted/ } })
  expect(shop.arrivals()).toEqual([])
})
