// The state of an event for everybody, and the events that somebody has not received, over HTTP.

import { expect, it } from 'vitest'
import { call, EVENTSTREAM } from '../../scripts/kit/client.ts'
import { aSubscription, SUBSCRIPTIONS } from '../../scripts/kit/collector.ts'
import { until } from '../../scripts/kit/until.ts'
import { useRefusals } from '../helpers/refusals.ts'

const stage = useRefusals()
const { failing, refused, tenantWith } = stage

type Delivery = Record<'kind' | 'id' | 'state' | 'at' | 'version' | 'replay' | 'reason', unknown>
type Missing = { position: number } & Delivery

const get = <Body>(tenant: string, path: string) =>
  call<Body>(stage.service.url + path, { headers: { tenant } })
const deliveriesOf = async (tenant: string, position = 0, query = '') =>
  (
    await get<{ deliveries: Delivery[]; next?: string }>(
      tenant,
      `/events/${position}/deliveries${query}`,
    )
  ).body
const missing = async (tenant: string, path: string) =>
  (await get<{ events: Missing[]; next: number | null }>(tenant, `${path}/undelivered`)).body
const ofIntegration = `${EVENTSTREAM}/again`

it('an event has a state for each integration and subscription, with the reason', async () => {
  const own = await tenantWith(3, 1)
  const { tenant, positions } = own
  const [rejected, taken] = positions
  await own.permanent()
  await call(stage.service.url + SUBSCRIPTIONS, {
    body: JSON.stringify(aSubscription({ id: 'crm', active: false, entityType: 'ORDER' })),
    headers: { tenant },
  })
  const reasons = async (position?: number) => (await deliveriesOf(tenant, position)).deliveries
  await until('all are settled', async () => (await own.on('/stats')).body['lag_events'] === 0)
  await until('its step is written', async () => {
    const states = await reasons(positions.at(-1))
    return states.some(({ state }) => state === 'delivered')
  })
  const after = { kind: 'subscription', id: 'crm', state: 'before_its_start', at: null }
  const rest = { version: 1, replay: null }
  expect(await reasons(taken)).toMatchObject([
    { kind: 'integration', id: 'again', state: 'delivered', at: expect.any(String), ...rest },
    after,
  ])
  expect(await reasons(rejected)).toMatchObject([
    { id: 'again', state: 'rejected', reason: expect.stringMatching(/^Answered 400 at 20.*: /) },
    after,
  ])
  await own.on('', 'DELETE')
  expect((await reasons(taken))[0]).toMatchObject({ state: 'delivered' })
  expect(await deliveriesOf(tenant, taken, '?limit=1')).toMatchObject({
    deliveries: [{ id: 'again' }],
    next: 'again',
  })
  const second = await deliveriesOf(tenant, taken, '?limit=1&after=again')
  expect(second).toMatchObject({ deliveries: [{ id: 'crm' }] })
  expect(second.next).toBeUndefined()
})

it('a failing event, and those behind it, have the words of the target', async () => {
  const own = await tenantWith(3, 0)
  const [first = 0, second] = own.positions
  failing.add(first)
  await own.permanent({ delivery: { max_in_flight: 1 } })
  const events = await until('it has failed', async () => {
    const page = await missing(own.tenant, ofIntegration)
    return page.events.some(({ state }) => state === 'being_retried' || state === 'stopped') && page
  })
  expect(events.next).toBeNull()
  expect(events.events.map(({ position }) => position)).toEqual(own.positions)
  for (const { reason } of events.events) expect(reason).toMatch(/50\d|failed|failures/)
  const page = await get<{ events: Missing[]; next: number | null }>(
    own.tenant,
    `${ofIntegration}/undelivered?limit=1&after=${first}`,
  )
  expect([page.body.events.map(({ position }) => position), page.body.next]).toEqual([
    [second],
    second,
  ])
  failing.delete(first)
})

it('what its filter does not take is not missing', async () => {
  const own = await tenantWith(1, 0)
  await own.permanent({ filter_conditions: { event_filter: ['order.cancelled'] } })
  expect(await missing(own.tenant, ofIntegration)).toEqual({ events: [], next: null })
  refused.clear()
})

it('nothing is known of the events of another tenant, or of a position without one', async () => {
  const own = await tenantWith(1, 0)
  const [position] = own.positions
  for (const [tenant, at] of [
    ['somebody-else', position],
    [own.tenant, 17],
    [own.tenant, Number.MAX_SAFE_INTEGER],
  ] as const) {
    expect(await get(tenant, `/events/${at}/deliveries`)).toMatchObject({
      status: 404,
      body: { error_code: 'not_found', message: `No event has the position ${at}.` },
    })
  }
  expect((await get('somebody-else', `${ofIntegration}/undelivered`)).status).toBe(404)
})

it.each([
  ['/events/last/deliveries', /position must be a position/],
  ['/events/17/deliveries?limit=0', /limit must be a whole number from 1 to 100/],
  [`${ofIntegration}/undelivered?limit=1001`, /limit must be a whole number from 1 to 1000/],
  [`${ofIntegration}/undelivered?after=-1&from=now`, /from must be a time.*after must be a whole/],
  [
    `${ofIntegration}/undelivered?from=2026-02-01T00:00:00Z&to=2026-02-01T00:00:00Z`,
    /to must be later than from/,
  ],
  [`${ofIntegration}/undelivered?form=2026-02-01T00:00:00Z`, /form is not a parameter/],
])('%s is refused', async (path, message) => {
  const own = await tenantWith(0, 0)
  await own.permanent()
  expect(await get(own.tenant, path)).toMatchObject({
    status: 400,
    body: { message: expect.stringMatching(message) },
  })
})

it.each(['to=1970-01-01T00:00:00Z', 'from=9999-12-31T23:59:59Z'])(
  'of the period %s nothing is missing',
  async (period) => {
    const own = await tenantWith(0, 0)
    await own.permanent()
    expect(await get(own.tenant, `${ofIntegration}/undelivered?${period}`)).toMatchObject({
      status: 200,
      body: { events: [], next: null },
    })
  },
)
