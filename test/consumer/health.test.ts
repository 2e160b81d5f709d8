// The health of streams over HTTP: what a list says of each, since when and why, within 2 seconds
// of a failure.

import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { call, EVENTSTREAM, register } from '../../scripts/kit/client.ts'
import { aSubscription, SUBSCRIPTIONS } from '../../scripts/kit/collector.ts'
import { until } from '../../scripts/kit/until.ts'
import { healthQuery, readHealth } from '../../src/consumer/health.ts'
import { positionOf } from '../../src/log/position.ts'
import { useRefusals } from '../helpers/refusals.ts'

const stage = useRefusals({ MILLRACE_RETRY_BASE_MS: '20000' })
const { failing, tenantWith } = stage

type Health = {
  state: string
  since: string | null
  message: string
  position: number | null
  tries: number
  next_try_at: string | null
}

const listed = async (tenant: string) => {
  const { body } = await call<{ integrations: { id: string; health: Health }[] }>(
    stage.service.url + EVENTSTREAM,
    { headers: { tenant } },
  )
  return new Map(body.integrations.map(({ id, health }) => [id, health]))
}

it('of one that keeps up is ok, in the list and alone', async () => {
  const own = await tenantWith(1, 0)
  await own.permanent()
  const ok = { state: 'ok', since: null, message: 'It keeps up.', position: null, tries: 0 }
  const none = { stopped_by: null, passed_over: null }
  expect((await listed(own.tenant)).get('again')).toMatchObject({ ...ok, ...none })
  expect((await own.on('')).body['health']).toMatchObject(ok)
})

it('of one that fails says so within 2 s, with the reason, the event and the next try', async () => {
  const own = await tenantWith(3, 0)
  const [first = 0] = own.positions
  failing.add(first)
  await own.permanent({ delivery: { max_in_flight: 1 } })
  await until('it was asked', () =>
    stage.receiver.received.some(({ position }) => position === first),
  )
  const askedAt = performance.now()
  const health = await until('it is seen', async () => {
    const found = (await listed(own.tenant)).get('again')
    return found?.state === 'failing' && found
  })
  expect(performance.now() - askedAt).toBeLessThan(2_000)
  expect(health).toMatchObject({ position: first, tries: 1, since: expect.any(String) })
  expect(health.message).toMatch(
    /^Failing since 20\S+Z \(1 try\) with order.created of o-0: .*503.*\. Next try: 20\S+Z\. /,
  )
  expect(health.message).toMatch(/ Response: Answered\.$/)
  expect(Date.parse(health.next_try_at as string)).toBeGreaterThan(Date.now())
  expect(positionOf(health.since as string)).toBeGreaterThan(first)
  failing.delete(first)
})

it('of one that was stopped says by whom and why, and names the event that had failed', async () => {
  const own = await tenantWith(2, 0)
  const [first = 0] = own.positions
  failing.add(first)
  await own.permanent({ delivery: { max_in_flight: 1 } })
  await until('it fails', async () => (await listed(own.tenant)).get('again')?.state === 'failing')
  await own.on('/_stop', 'POST')
  expect((await listed(own.tenant)).get('again')).toMatchObject({
    state: 'stopped',
    // It tries nothing before it is started.
    next_try_at: null,
    stopped_by: expect.stringMatching(/./),
    position: first,
    message: expect.stringMatching(
      /^Stopped since 20\S+Z by .*: Stopped via API\. It goes on with order.created of o-0, which/,
    ),
  })
  failing.delete(first)
})

it('of one that is being stopped says that a request is still under way', async () => {
  const own = await tenantWith(1, 0)
  const { answer } = stage.receiver
  const open: (() => void)[] = []
  stage.receiver.answer = (request, response) => void open.push(() => answer(request, response))
  await own.permanent()
  await until('it has arrived', () => open.length === 1)
  const shown = async () => (await own.on('')).body as { status: string; health: Health }
  await own.on('/_stop', 'POST')
  expect(await shown()).toMatchObject({
    status: 'running',
    health: {
      state: 'stopped',
      message: expect.stringMatching(/: Stopped via API\. A request is still being answered\.$/),
    },
  })
  stage.receiver.answer = answer
  for (const end of open) end()
  await until('it has stopped', async () => (await shown()).status === 'stopped')
  expect((await shown()).health.message).not.toContain('still')
})

it('a representation with it may be sent back', async () => {
  const own = await tenantWith(0, 0)
  await own.permanent()
  await own.on('/_stop', 'POST')
  const { body } = await own.on('')
  const url = `${stage.service.url}${EVENTSTREAM}/again`
  const sent = { method: 'PATCH', body: JSON.stringify(body), headers: { tenant: own.tenant } }
  expect(await call(url, sent)).toMatchObject({ status: 200 })
  const broken = { ...sent, body: JSON.stringify({ ...body, health: 'well' }) }
  expect(await call(url, broken)).toMatchObject({ status: 400 })
})

it('subscriptions have it, too', async () => {
  const tenant = `t-${randomUUID().slice(0, 8)}`
  const ask = (method: string, path = '', body?: object) =>
    call<{ health: Health }>(stage.service.url + SUBSCRIPTIONS + path, {
      method,
      headers: { tenant },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
  await ask('POST', '', aSubscription({ id: 'crm', active: false }))
  const { body } = await ask('GET', '/crm')
  expect(body.health).toMatchObject({
    state: 'stopped',
    message: expect.stringContaining('Created via API.'),
  })
  const list = await call<{ health: Health }[]>(stage.service.url + SUBSCRIPTIONS, {
    headers: { tenant },
  })
  expect(list.body.map(({ health }) => health.state)).toEqual(['stopped'])
  expect((await ask('PUT', '', body)).status).toBe(201)
})

describe('of one that is behind', () => {
  const moveBack = (tenant: string, seconds: number) =>
    stage.database.admin.pool.query(
      `insert into event
       select tenant, position - $2::bigint * 1000000, name, entity_id, idempotency_key || 'old',
         team, service, correlation_ids, payload_bytes, payload
       from event where tenant = $1`,
      [tenant, seconds],
    )
  const healthOf = async (tenant: string) =>
    (await readHealth(stage.database.kysely, tenant, 'integration')).get('again')

  it('says since when, and how many events wait; a replay never is', async () => {
    const tenant = `t-${randomUUID().slice(0, 8)}`
    const own = await tenantWith(2, 0)
    await moveBack(own.tenant, 120)
    await register(stage.service.url, 'other', stage.receiver.url, {}, own.tenant)
    // As if no worker had looked at it since then.
    await stage.database.admin.pool.query(
      `insert into consumer (tenant, id, kind, version, status, document, created_position,
         changed_position)
       select $1, 'again', 'integration', 1, 'running', document, 1, 1
       from consumer where tenant = $2 and id = 'other'`,
      [tenant, own.tenant],
    )
    await stage.database.admin.pool.query(
      'insert into event select $1, position, name, entity_id, idempotency_key, team, service, ' +
        'correlation_ids, payload_bytes, payload from event where tenant = $2',
      [tenant, own.tenant],
    )
    const cursor = async (stop: number | null, owner: string | null) =>
      stage.database.admin.pool.query(
        `insert into cursor (
           tenant, consumer, run, read_position, stop_position, owner, lease_until
         ) values ($1, 'again', 0, 1, $2, $3, case when $3::uuid is not null then
           clock_timestamp() + interval '1 minute' end)
         on conflict (tenant, consumer, run) do update
         set read_position = 1, stop_position = excluded.stop_position`,
        [tenant, stop, owner],
      )
    // A worker of another process seems to hold it.
    await cursor(null, randomUUID())
    const behind = await healthOf(tenant)
    expect(behind).toMatchObject({ state: 'behind', position: null, tries: 0 })
    expect(behind?.message).toMatch(/^Behind since 20\S+Z: 4 event\(s\) were not delivered yet/)
    const filter = { filter_conditions: { event_filter: ['return.created'] } }
    await stage.database.admin.pool.query(
      'update consumer set document = document || $2 where tenant = $1',
      [tenant, filter],
    )
    expect((await healthOf(tenant))?.message).toContain(': 0 event(s) were not delivered yet')
    await cursor(Number.MAX_SAFE_INTEGER, null)
    expect(await healthOf(tenant)).toMatchObject({ state: 'ok' })
  })
})

it('reads by index alone', async () => {
  const { sql: text, parameters } = healthQuery('dodici', 'integration', null).compile(
    stage.database.kysely,
  )
  const client = await stage.database.pool.connect()
  try {
    await client.query(`set plan_cache_mode = force_generic_plan; set enable_seqscan = off;
      set enable_bitmapscan = off`)
    const explain = text.replace(/\/\* prepared: \w+ \*\//, 'explain (costs off)')
    const { rows } = await client.query(explain, [...parameters])
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
    expect(plan).not.toMatch(/Seq Scan on (event|attempt|cursor|consumer|config_log)/)
    expect(plan).toMatch(/Index Scan Backward using attempt_\d+_tenant_consumer_position_idx/)
  } finally {
    client.release(true)
  }
})
