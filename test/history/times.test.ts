// Times that RFC 3339 allows, and Postgres or JavaScript cannot hold: an integration or a replay
// that has one works, and its history can be read.

import { expect, it } from 'vitest'
import { call, EVENTSTREAM, publish } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'

const database = useDatabase()
const service = useService('start', database)
const receiver = useReceiver()

const starts = ['0000-01-01T00:00:00Z', '1969-12-31T23:59:59.5Z', '2026-01-01T00:00:00+16:00']

it.each(starts)('an event has a state for an integration that starts at %s', async (starts_at) => {
  const { ask, position, receives } = await withTarget({
    integration_type: 'permanent',
    starts_at,
  })
  await receives()
  const list = await ask('GET', `/events/${position}/deliveries`)
  expect(list.body).toMatchObject({ deliveries: [{ id: 'erp' }] })
  const missed = await ask('GET', `${EVENTSTREAM}/erp/undelivered`)
  expect(missed.body).toMatchObject({ next: null })
})

it('a temporary integration without an end in sight sends', async () => {
  const { on, receives } = await withTarget({
    integration_type: 'temporary',
    starts_at: '2026-01-01T00:00:00Z',
    ends_at: '9999-12-31T23:59:59Z',
  })
  await receives()
  expect((await on('erp', '/undelivered')).body).toMatchObject({ next: null })
})

it.each(starts)('a replay from %s is shown while it is kept', async (from) => {
  const { on, ask, receives } = await withTarget({ integration_type: 'permanent' })
  const range = { from, to: '9999-12-31T23:59:59Z' }
  const dry = await ask('POST', `${EVENTSTREAM}/erp/replays?dry_run=true`, range)
  expect(dry).toMatchObject({ status: 200, body: { events: 1 } })
  expect(await ask('POST', `${EVENTSTREAM}/erp/replays`, range)).toMatchObject({ status: 201 })
  await receives()
  await until('it has completed', async () => {
    const { replays } = (await on('erp', '/replays')).body as { replays: { state: string }[] }
    return replays[0]?.state === 'completed'
  })
})

let tenants = 0

/** A tenant with one event, and then an integration. */
async function withTarget(more: Record<string, unknown>) {
  const tenant = `times-${tenants++}`
  const { ask, on } = api(service, tenant)
  const event = { key: 'first', payload: '{}', tenant }
  const { position } = (await publish(service.url, event)).body
  const registered = await call(service.url + EVENTSTREAM, {
    headers: { tenant },
    body: JSON.stringify({
      id: 'erp',
      callback_parameters: { callback_url: receiver.url },
      ...more,
    }),
  })
  expect(registered).toMatchObject({ status: 200 })
  const receives = () =>
    until('it has arrived', () => receiver.received.some((one) => one.position === position))
  return { ask, on, position, receives }
}
