// Events against the schemas of their types, by every way in.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, publish, send } from '../../scripts/kit/client.ts'
import { aCollectedEvent, EVENTS } from '../../scripts/kit/collector.ts'
import { until } from '../../scripts/kit/until.ts'
import type { Server } from '../../src/server.ts'
import { startHere } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()
let service: Server
let other: Server
beforeAll(async () => {
  service = await startHere(database.url)
  other = await startHere(database.url)
})
afterAll(() => Promise.all([service.stop(), other.stop()]))

const schema = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string' }, lines: { items: { properties: { n: { minimum: 1 } } } } },
}

async function put(tenant: string, fields: object = {}, name = 'order.created'): Promise<void> {
  const reply = await call(`${service.url}/event-types/${name}`, {
    method: 'PUT',
    headers: { tenant },
    body: JSON.stringify({ schema, on_violation: 'reject', ...fields }),
  })
  if (reply.status !== 200) throw new Error(JSON.stringify(reply))
}

const good = '{"id":"a", "lines":[{"n":1}]}'
const bad = '{"lines":[{"n":1},{"n":0}]}'
const post = (
  tenant: string,
  payload: string,
  key: string = crypto.randomUUID(),
  url = service.url,
) => publish(url, { tenant, payload, key })
const stored = async (tenant: string) => {
  const { rows } = await database.pool.query(
    'select payload::text as payload from event where tenant = $1 order by position',
    [tenant],
  )
  return rows.map(({ payload }) => payload)
}

describe('reject', () => {
  it('refuses an event that breaks its schema, and names each fault', async () => {
    await put('rejecting')
    expect((await post('rejecting', good)).status).toBe(201)
    const { status, body } = await post('rejecting', bad)
    expect(status).toBe(400)
    expect(body).toEqual({
      status: '400',
      message:
        'The event does not follow the schema of order.created: body/id is missing; ' +
        'body/lines/1/n must be at least 1.',
      details: [
        { field: 'body/id', code: 'required', message: 'body/id is missing' },
        { field: 'body/lines/1/n', code: 'minimum', message: 'body/lines/1/n must be at least 1' },
      ],
    })
    expect(await stored('rejecting')).toEqual([good])
  })

  it('concerns its tenant and its name alone', async () => {
    await put('concerned')
    expect((await post('unconcerned', bad)).status).toBe(201)
    const event = { tenant: 'concerned', name: 'order.opened', key: 'a', payload: bad }
    expect((await publish(service.url, event)).status).toBe(201)
  })

  it('leaves an event that was taken before a duplicate', async () => {
    const taken = await post('before', bad, 'a')
    await put('before')
    const again = await post('before', bad, 'a')
    expect([again.status, again.body.duplicate, again.body.position]).toEqual([
      201,
      true,
      taken.body.position,
    ])
    const reused = await post('before', '{"lines":[]}', 'a')
    expect([reused.status, reused.body.details?.[0]?.code]).toEqual([400, 'idempotency_key_reused'])
    expect((await post('before', bad, 'b')).status).toBe(400)
    expect(await stored('before')).toEqual([bad])
  })

  it('checks the last of fields that stand twice, and passes all of them on', async () => {
    await put('twice')
    const payload = '{"id":1,"id":"a"}'
    expect((await post('twice', payload)).status).toBe(201)
    expect((await post('twice', '{"id":"a","id":1}')).status).toBe(400)
    expect(await stored('twice')).toEqual([payload])
  })

  it('refuses an event that takes too long to check', async () => {
    const twice = { properties: { x: { $ref: '#' } } }
    await put('slow', { schema: { allOf: [twice, twice] } })
    let nested = '{}'
    for (let level = 0; level < 100; level++) nested = `{"x":${nested}}`
    const { status, body } = await post('slow', nested)
    expect([status, body.details?.[0]?.code]).toEqual([400, 'too_expensive'])
  })
})

describe('warn', () => {
  it('takes the event, and says in the answer what it breaks', async () => {
    await put('warning', { on_violation: 'warn' })
    const { status, body } = await post('warning', bad, 'a')
    expect(status).toBe(201)
    expect(body).toMatchObject({
      duplicate: false,
      warnings: [
        { field: 'body/id', code: 'required', message: 'body/id is missing' },
        { field: 'body/lines/1/n', code: 'minimum' },
      ],
    })
    expect((await post('warning', good, 'b')).body).not.toHaveProperty('warnings')
    expect(await stored('warning')).toEqual([bad, good])
  })
})

describe('a bulk body', () => {
  const post = async (
    tenant: string,
    payloads: string[],
    keys = payloads.map((_, n) => `${n}`),
  ) => {
    const lines = payloads.map(
      (payload, n) =>
        `{"name":"order.created","entity_id":"a","idempotency_key":"${keys[n]}",` +
        `"team":"t","service":"s","payload":${payload}}\n`,
    )
    const headers = { tenant, 'content-type': 'application/x-ndjson' }
    const { body } = await send<string>(`${service.url}/events`, { headers, body: lines.join('') })
    return body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  }

  it('has each line checked: one that is refused fails alone', async () => {
    const [, known] = await post('bulk', [good, bad])
    await put('bulk')
    const answers = await post('bulk', [good, bad, bad, good], ['2', '1', '3', '4'])
    expect(answers.map(({ duplicate }) => duplicate)).toEqual([false, true, undefined, false])
    expect(answers[1].position).toBe(known.position)
    expect(answers[2].error).toMatchObject({
      code: 'schema_violation',
      details: [{ field: 'payload/id', code: 'required' }, { field: 'payload/lines/1/n' }],
    })
    expect(answers[3].position).toBeGreaterThan(answers[0].position)
    expect(await stored('bulk')).toEqual([good, bad, good, good])
  })

  it('has its warnings line by line', async () => {
    await put('bulk-warned', { on_violation: 'warn' })
    const answers = await post('bulk-warned', [bad, good])
    expect(answers[0].warnings).toMatchObject([{ field: 'payload/id' }, { code: 'minimum' }])
    expect(answers[1]).not.toHaveProperty('warnings')
  })
})

describe('a collected event', () => {
  const collect = (tenant: string, event: object) =>
    send(service.url + EVENTS, {
      headers: { tenant: '', 'x-twc-tenant': tenant },
      body: JSON.stringify(event),
    })
  const keyed = { properties: { event_source: { const: 'POS' } } }

  it('is checked under its name in the log, as it is posted', async () => {
    const event = aCollectedEvent({ id: 'a' })
    const { body } = await collect('collecting', event)
    expect(body).toEqual(event)
    const { rows } = await database.pool.query(`select name from event where tenant = 'collecting'`)
    await put('collecting', { schema: keyed }, rows[0].name)
    const refused = await collect('collecting', aCollectedEvent({ id: 'b' }))
    expect(refused.status).toBe(400)
    expect(refused.body).toMatchObject({ error_code: 'schema_violation' })
    expect(refused.body['message']).toContain('body/event_source must be "POS"')
    // Taken before the schema came: a duplicate, by its id.
    const again = await collect('collecting', event)
    expect([again.status, again.body]).toEqual([201, event])
    expect(await stored('collecting')).toHaveLength(1)
  })
})

describe('a change while events are published', () => {
  it('holds at once on the process that made it, and for all of them within seconds', async () => {
    const tenant = 'changing'
    expect((await post(tenant, bad, 'a', other.url)).status).toBe(201)
    await put(tenant)
    expect((await post(tenant, bad)).status).toBe(400)
    const start = performance.now()
    await until('the other process refuses it', async () => {
      return (await post(tenant, bad, undefined, other.url)).status === 400
    })
    expect(performance.now() - start).toBeLessThan(6_000)
    await call(`${service.url}/event-types/order.created`, {
      method: 'DELETE',
      headers: { tenant },
    })
    expect((await post(tenant, bad)).status).toBe(201)
    await until('the other process takes it', async () => {
      return (await post(tenant, bad, undefined, other.url)).status === 201
    })
  })

  it('leaves no event in between: each follows the old schema or the new one', async () => {
    const tenant = 'between'
    const ofVersion = (n: number) => ({ required: ['v'], properties: { v: { const: n } } })
    await put(tenant, { schema: ofVersion(0) })
    let isOver = false
    const publishing = Array.from({ length: 4 }, async () => {
      while (!isOver) await post(tenant, '{"v":-1}')
    })
    for (let version = 1; version <= 20; version++) {
      await put(tenant, { schema: ofVersion(version) })
      const replies = await Promise.all([
        post(tenant, `{"v":${version}}`),
        post(tenant, `{"v":${version - 1}}`),
      ])
      expect(replies.map(({ status }) => status)).toEqual([201, 400])
    }
    isOver = true
    await Promise.all(publishing)
    expect(await stored(tenant)).toEqual(Array.from({ length: 20 }, (_, n) => `{"v":${n + 1}}`))
  })
})
