// Alerts: what happens to a tenant's streams is an event of the entity millrace in its log, in the
// transaction of the change; who names them takes them, unless they are about itself.

import { describe, expect, it } from 'vitest'
import { call, publish, register } from '../../scripts/kit/client.ts'
import { ok, status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { limits } from '../../src/config.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'

const database = useDatabase()
const service = useService('start', database, () => ({ MILLRACE_RETRY_BASE_MS: '50' }))
const listening = useReceiver()
const failing = useReceiver()
let tenants = 0

type Alert = { name: string; entity_id: string; position: number; payload: Record<string, unknown> }

/** A tenant with an integration `ops` that takes alerts; `erp` sends to `failing`. */
async function stage(
  ops: Record<string, unknown> = { filter_conditions: { entity_filter: ['millrace'] } },
) {
  const tenant = `alerts-${++tenants}`
  listening.received.length = 0
  listening.answer = ok
  failing.answer = ok
  await register(service.url, 'ops', listening.url, ops, tenant)
  await register(service.url, 'erp', failing.url, {}, tenant)
  const { on, ask } = api(service, tenant)
  let keys = 0
  const send = (name = 'order.created') =>
    publish(service.url, {
      tenant,
      name,
      entityId: 'order-1',
      key: `k${++keys}`,
      payload: '{"n":1}',
    })
  const received = (): Alert[] =>
    listening.received
      .map(({ body }) => JSON.parse(String(body)))
      .filter((one) => one.tenant === tenant)
  const alerted = (name: string, timeoutMs?: number) =>
    until(
      `${name} arrives`,
      () => received().find((one) => one.name === `millrace.${name}`),
      timeoutMs,
    )
  const logged = async (name = '%', entityId = '%') => {
    const { rows } = await database.admin.pool.query<Alert>(
      `select position, name, entity_id, payload from event
       where tenant = $1 and name like 'millrace.' || $2 and entity_id like $3 order by position`,
      [tenant, name, entityId],
    )
    return rows
  }
  return { tenant, on, ask, send, received, alerted, logged }
}

describe('who names the entity millrace', () => {
  it('receives within 2 s what happens to the streams of its tenant', async () => {
    const { on, send, received, alerted, logged } = await stage()
    await alerted('integration_started')
    failing.answer = status(500, {}, 'no room')
    await send()
    expect(await alerted('integration_interrupted', 2_000)).toMatchObject({
      payload: {
        kind: 'integration',
        id: 'erp',
        reason: expect.stringContaining('500'),
        attempts: 1,
      },
    })
    failing.answer = ok
    await alerted('integration_recovered')
    failing.answer = status(410)
    await send()
    expect(await alerted('integration_stopped')).toMatchObject({
      payload: {
        id: 'erp',
        actor: 'millrace',
        status: 'stopped',
        reason: expect.stringMatching('410'),
      },
    })
    failing.answer = ok
    await on('erp', '/_start', 'POST')
    await until('the start arrives', () => {
      return received().filter(({ name }) => name === 'millrace.integration_started').length === 2
    })
    const names = (await logged()).map(({ name, entity_id }) => `${entity_id} ${name.slice(9)}`)
    expect(names).toEqual([
      'ops integration_started',
      ...['started', 'interrupted', 'recovered', 'stopped', 'started'].map(
        (what) => `erp integration_${what}`,
      ),
    ])
    expect(service.output()).toMatch(/"level":40.*millrace\.integration_interrupted.*"alert"/)
  })

  it('is told of a limit of rejected events, once', async () => {
    const { alerted, send, logged } = await stage()
    failing.answer = status(400)
    for (let i = 0; i < limits.rejectedEvents; i++) await send()
    expect(await alerted('rejected_limit_reached')).toMatchObject({
      payload: { id: 'erp', rejected_events: limits.rejectedEvents },
    })
    await alerted('integration_stopped')
    expect(await logged('rejected_limit_reached')).toHaveLength(1)
  })

  it('never receives an alert about itself, and the audit says why', async () => {
    const { on, ask, received, alerted, logged } = await stage()
    await alerted('integration_started')
    await on('ops', '/_stop', 'POST')
    await on('ops', '/_start', 'POST')
    await on('erp', '/_stop', 'POST')
    await alerted('integration_stopped')
    expect(received().filter(({ payload }) => payload['id'] === 'ops')).toEqual([])
    const own = (await logged('%', 'ops')).at(-1) as Alert
    const { body } = await ask('GET', `/events/${own.position}/deliveries`)
    const states = body['deliveries'] as { id: string; state: string; reason: string }[]
    expect(states.find(({ id }) => id === 'ops')).toMatchObject({
      state: 'filtered_out',
      reason: 'It is about this consumer itself.',
    })
    expect(states.find(({ id }) => id === 'erp')).toMatchObject({ state: 'filtered_out' })
  })
})

it('alerts of one kind are a minute apart, and what lasts is alerted then', async () => {
  const { tenant, send, alerted, logged } = await stage()
  failing.answer = status(500)
  await send()
  await alerted('integration_interrupted')
  failing.answer = ok
  await alerted('integration_recovered')
  failing.answer = status(500)
  await send()
  const cursorIs = (text: string) =>
    until(text, async () => {
      const { rows } = await database.admin.pool.query(
        `select from cursor where tenant = $1 and consumer = 'erp' and ${text}`,
        [tenant],
      )
      return rows.length === 1
    })
  await cursorIs('attempts > 0 and not alerted')
  expect(await logged('integration_interrupted')).toHaveLength(1)
  const { rows } = await database.admin.pool.query<{ at: number }>(
    `update cursor set interruption_alert_at = clock_timestamp() - interval '55 seconds'
     where tenant = $1 and consumer = 'erp'
     returning position_of(interruption_alert_at) as at`,
    [tenant],
  )
  for (let flap = 0; flap < 3; flap++) {
    failing.answer = ok
    await cursorIs('attempts = 0')
    failing.answer = status(500)
    await send()
    await cursorIs('attempts > 0')
  }
  await cursorIs('attempts > 0 and alerted')
  const alerts = await logged('integration_interrupted')
  expect(alerts).toHaveLength(2)
  expect((alerts[1] as Alert).position - (rows[0]?.at as number)).toBeGreaterThan(60_000_000)
  expect(await logged('integration_recovered')).toHaveLength(1)
})

it('an alert that finds no partition fails no change, and is appended when there is one', async () => {
  const { tenant, logged } = await stage()
  const before = await logged()
  const session = await database.admin.pool.connect()
  const ask = (text: string) => session.query(text, [tenant])
  try {
    await session.query('begin')
    await session.query(`do $$ begin
      execute (
        select format('alter table event detach partition %s', min(oid::regclass::text))
        from pg_class where oid = (select tableoid from event limit 1)
      );
    end $$`)
    await ask(`select note_consumer($1, 'erp', 'events_expiring', 'somebody', 'because')`)
    await session.query(`select set_config('millrace.latest_position', '${2 ** 53}', true)`)
    await ask(`update cursor set attempts = 1 where tenant = $1 and consumer = 'erp'`)
    const { rows } = await ask(`select attempts, alerted, action, reason
      from cursor join config_log using (tenant)
      where tenant = $1 and consumer = 'erp' and action = 'events_expiring'`)
    expect(rows).toEqual([
      { attempts: 1, alerted: false, action: 'events_expiring', reason: 'because' },
    ])
  } finally {
    await session.query('rollback')
    session.release()
  }
  expect(await logged()).toEqual(before)
  await database.admin.pool.query(
    `update cursor set attempts = 1 where tenant = $1 and consumer = 'erp'`,
    [tenant],
  )
  await until('it is alerted', async () => (await logged('integration_interrupted')).length === 1)
})

it('an integration without a filter receives no alert, nor a reader who names none', async () => {
  const { on, ask, send, received } = await stage({})
  await on('erp', '/_stop', 'POST')
  await send()
  await until('the order arrives', () => received().length === 1)
  expect(received()).toMatchObject([{ name: 'order.created' }])
  const read = async (query: string) =>
    ((await ask('GET', `/events${query}`)).body['events'] as Alert[]).map(({ name }) => name)
  expect(await read('')).toEqual(['order.created'])
  expect(await read('?entity_id=erp')).toEqual([])
  for (const query of ['?name=millrace.*', '?entity=millrace', '?name=millrace.*&entity_id=erp']) {
    expect(await read(query)).toContain('millrace.integration_stopped')
  }
})

describe('the entity millrace is reserved', () => {
  const reason = /reserved for alerts of Millrace/

  it('for publishers, one by one and in bulk', async () => {
    const { send, ask } = await stage()
    const single = await send('millrace.integration_stopped')
    expect(single.status).toBe(400)
    expect(JSON.stringify(single.body)).toMatch(reason)
    const line = { name: 'millrace.x', entity_id: 'e', idempotency_key: 'k', payload: {} }
    const bulk = await call<string>(`${service.url}/events`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-ndjson',
        tenant: 'alerts-1',
        team: 't',
        service: 's',
      },
      body: `${JSON.stringify(line)}\n`,
    })
    expect(bulk.body).toMatch(reason)
    const registered = await ask('PUT', '/event-types/millrace.x', {
      schema: {},
      on_violation: 'warn',
    })
    expect(registered.status).toBe(400)
    expect(JSON.stringify(registered.body)).toMatch(reason)
  })

  it('for collectors and for SQL', async () => {
    const posted = await call(`${service.url}/api/v1/events`, {
      method: 'POST',
      body: JSON.stringify({
        entity_id: '1',
        entity_name: 'Millrace',
        event_payload: { operation: 'CREATE' },
        event_source: 'APPLICATION',
        event_type: 'ENTITY_EVENT',
        id: 'm-1',
      }),
    })
    expect(posted.status).toBe(400)
    expect(JSON.stringify(posted.body)).toMatch(reason)
    const sql = database.admin.pool.query(
      `select publish_event('alerts-1', 'millrace.x', 'e', 'k', '{}')`,
    )
    await expect(sql).rejects.toMatchObject({ code: 'MR005' })
  })
})

it('every known alert has its schema among the event types', async () => {
  const { ask } = await stage()
  const { body } = await ask('GET', '/event-types/millrace.integration_interrupted')
  expect(body).toMatchObject({ schema: { required: expect.arrayContaining(['kind', 'attempts']) } })
})
