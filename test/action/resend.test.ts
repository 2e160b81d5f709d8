// Resends: one event of the log again, under its own webhook-id, recorded.

import { expect, it } from 'vitest'
import { publish, register } from '../../scripts/kit/client.ts'
import { ok, status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { asRole } from '../helpers/postgres.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'
import { published, rowsOf } from '../sql/rows.ts'

const database = useDatabase()
const service = useService('start', database)
const receiver = useReceiver()
const path = '/api/v1/org/integrations/eventstream/erp'

let tenants = 0
async function stage(more: Record<string, unknown> = {}) {
  const tenant = `resends-${++tenants}`
  receiver.answer = ok
  await register(service.url, 'erp', receiver.url, more, tenant)
  const { ask, on } = api(service, tenant)
  const resend = (position: number) => ask('POST', `${path}/_resend`, { position, reason: 'Lost' })
  const { body } = await publish(service.url, { tenant, key: 'k', payload: '{"n":1}' })
  const { position } = body
  const arrived = () => receiver.received.filter((one) => one.position === position)
  const period = [`tenant=${tenant}`, 'from=yesterday', 'to=tomorrow', 'integration=erp']
  const undelivered = async () =>
    published(await rowsOf(asRole(database.url, 'auditor'), 'audit/undelivered', ...period))
  return { tenant, on, ask, resend, position, arrived, undelivered }
}

it('arrives again under the same webhook-id, with its outcome in the logs', async () => {
  const { tenant, on, resend, position, arrived, undelivered } = await stage()
  await until('it is delivered', () => arrived().length === 1)
  const { status: code, body } = await resend(position)
  expect(code).toBe(200)
  expect(body).toMatchObject({
    position,
    name: 'order.created',
    outcome: 'delivered',
    status: 200,
    reason: null,
    is_filtered_out: false,
  })
  const [first, second] = arrived()
  expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id'])
  expect(second?.body).toEqual(first?.body)
  const shown = (await on('erp', '/logs')).body as { entries: Record<string, string>[] }
  const { entries } = shown
  expect(entries.map(({ action }) => action)).toEqual([
    'resent_event_delivered',
    'event_resent',
    'integration_started',
  ])
  expect(entries[1]?.['reason']).toMatch(/^Sent again by request, order\.created of .*: Lost\.$/)

  // A failure of a resend is none of the stream.
  receiver.answer = status(400, {}, 'twice')
  expect((await resend(position)).body).toMatchObject({ outcome: 'rejected', status: 400 })
  const [failed] = ((await on('erp', '/logs')).body as typeof shown).entries
  expect(failed).toMatchObject({
    action: 'resend_failed',
    reason: expect.stringContaining(`. Event at position ${position}, by hand.`),
  })
  expect((await on('erp', '/stats')).body).toMatchObject({ status: 'running' })
  expect((await on('erp', '/rejected_events')).body['rejected_events']).toEqual([])
  await until('the step is written', async () => (await undelivered()).length === 0)
  const { rows } = await database.admin.pool.query(
    'select attempt, outcome, run from attempt where tenant = $1 order by position',
    [tenant],
  )
  expect(rows).toEqual([
    { attempt: 0, outcome: 'resent', run: 0 },
    { attempt: 0, outcome: 'rejected', run: 0 },
  ])
})

it('reaches a stopped integration, and one whose filter does not take it', async () => {
  const filter_conditions = { entity_filter: ['return'] }
  const { on, resend, position, arrived, undelivered } = await stage({ filter_conditions })
  await on('erp', '/_stop', 'POST')
  expect((await resend(position)).body).toMatchObject({
    outcome: 'delivered',
    is_filtered_out: true,
  })
  expect(arrived()).toHaveLength(1)
  expect(await undelivered()).toEqual([])
})

it('is an alert, too, but never to the integration that it is about', async () => {
  const { tenant, ask, on, resend } = await stage()
  await register(service.url, 'crm', receiver.url, {}, tenant)
  await on('crm', '/_stop', 'POST')
  const name = 'millrace.integration_stopped'
  const found = await ask('GET', `/events?name=${name}`)
  const [alert] = found.body['events'] as { position: number }[]
  const position = alert?.position as number
  expect(await resend(position)).toMatchObject({
    status: 200,
    body: { name, outcome: 'delivered', is_filtered_out: true },
  })
  for (const act of ['_resend', '_test']) {
    expect(await ask('POST', path.replace('erp', `crm/${act}`), { position })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('about crm, which is never sent to it') },
    })
  }
})

it('is refused for what the log does not have, and says if that is past the retention', async () => {
  const { resend, position } = await stage()
  expect(await resend(position + 1)).toMatchObject({
    status: 404,
    body: { message: `There is no event at position ${position + 1}.` },
  })
  const old = position - 40 * 86_400_000_000
  expect((await resend(old)).body['message']).toBe(
    `The event at position ${old} is older than the retention of 30 days.`,
  )
  const stranger = await stage()
  expect((await stranger.resend(position)).status).toBe(404)
})
