// Test events: the request and the answer as they were, without a secret, and marked as a test.

import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { call, EVENTSTREAM, publish, register } from '../../scripts/kit/client.ts'
import { ok, status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'

const database = useDatabase()
const service = useService('start', database, () => ({
  MILLRACE_DELIVERY_TIMEOUT_MS: '2000',
}))
const strict = useService('serve', database, () => ({ MILLRACE_ALLOW_PRIVATE_TARGETS: 'false' }))
const receiver = useReceiver()

const KEY = 'a-very-secret-key'
const HEADER = 'another-secret-value'
const SECRET = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`
const SECRETS = {
  callback_parameters: { callback_url: '', api_key: KEY },
  delivery: { signing_secret: SECRET, headers: { 'x-shop': HEADER } },
}

type Result = {
  outcome: string
  reason: string | null
  sent: { url: string; headers: Record<string, string>; body: string; signed_text: string }
  received: { status: number; headers: Record<string, string>; body: string } | null
  duration_ms: number
}

let tenants = 0
async function stage(more: Record<string, unknown> = {}, url = receiver.url) {
  const tenant = `tests-${++tenants}`
  const callback_parameters = { ...SECRETS.callback_parameters, callback_url: url }
  const { delivery } = SECRETS
  await register(service.url, 'erp', url, { callback_parameters, delivery, ...more }, tenant)
  const test = (body?: unknown, at = service.url) =>
    call<Result & { message?: string }>(`${at}${EVENTSTREAM}/erp/_test`, {
      method: 'POST',
      headers: { tenant },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  return { tenant, test, ...api(service, tenant) }
}

const signatureOf = (text: string) =>
  `v1,${createHmac('sha256', Buffer.from(SECRET.slice(6), 'base64'))
    .update(text)
    .digest('base64')}`

describe('a test', () => {
  it('shows the request as it left, signed as it says, and the answer', async () => {
    receiver.answer = status(201, { 'x-version': '7' }, 'thanks')
    const { test, tenant } = await stage()
    const { status: code, body } = await test()
    expect(code).toBe(200)
    const request = receiver.received.at(-1)
    expect(body).toMatchObject({
      outcome: 'delivered',
      reason: null,
      received: { status: 201, body: 'thanks', headers: { 'x-version': '7' } },
    })
    const { sent } = body
    expect(sent.url).toBe(receiver.url)
    expect(sent.body).toBe(request?.body.toString())
    expect(JSON.parse(sent.body)).toMatchObject({ tenant, name: 'order.created' })
    expect(sent.headers['webhook-id']).toMatch(new RegExp(`^test_${tenant}_`))
    expect(sent.headers['millrace-test']).toBe('true')
    for (const [name, value] of Object.entries(sent.headers)) {
      const isSecret = name === 'authorization' || name === 'x-shop'
      if (!isSecret) expect(request?.headers[name]).toBe(value)
    }
    expect(sent.headers['authorization']).toBe('Bearer ***')
    expect(sent.headers['x-shop']).toBe('***')
    expect(request?.headers.authorization).toBe(`Bearer ${KEY}`)
    expect(signatureOf(sent.signed_text)).toBe(sent.headers['webhook-signature'])
  })

  it('shows a signature that a receiver refuses for what it is', async () => {
    // The usual mistakes: the secret as text, and a body that was parsed and serialized again.
    receiver.answer = ({ headers, body }, response) => {
      const [id, time] = [headers['webhook-id'], headers['webhook-timestamp']]
      const again = JSON.stringify(JSON.parse(body.toString()), null, 1)
      const mine = createHmac('sha256', SECRET).update(`${id}.${time}.${again}`).digest('base64')
      const isRight = headers['webhook-signature'] === `v1,${mine}`
      response.writeHead(isRight ? 200 : 401).end(`invalid signature, expected v1,${mine}`)
    }
    const { test } = await stage()
    const { body } = await test()
    expect(body).toMatchObject({ outcome: 'unavailable', received: { status: 401 } })
    expect(body.reason).toContain('HTTP status code 401')
    expect(body.received?.body).toMatch(/^invalid signature, expected v1,/)
    expect(signatureOf(body.sent.signed_text)).toBe(body.sent.headers['webhook-signature'])
    expect(body.received?.body).not.toContain(body.sent.headers['webhook-signature'])
  })

  it('shows no secret, though the receiver echoes all of it', async () => {
    receiver.answer = ({ headers }, response) => {
      const echo = JSON.stringify({ headers, SECRET, bytes: SECRET.slice(6) })
      response.writeHead(400, { 'x-echo': String(headers.authorization) }).end(echo)
    }
    const { test } = await stage()
    const text = JSON.stringify((await test()).body)
    for (const secret of [KEY, HEADER, SECRET, SECRET.slice(6)]) expect(text).not.toContain(secret)
    expect(text).toContain('"x-echo":"Bearer ***"')
  })

  it('sends what it is given, or an event of the log, of a stopped integration too', async () => {
    receiver.answer = ok
    const { test, tenant, on } = await stage({ filter_conditions: { entity_filter: ['return'] } })
    const payload = '{"n": 1.50}'
    const { body: published } = await publish(service.url, { tenant, key: 'k', payload })
    await on('erp', '/_stop', 'POST')
    const byName = JSON.parse((await test()).body.sent.body)
    expect(byName.name).toBe('return.processed')
    const given = await test({ name: 'a.b', payload: { x: 1 } })
    expect(given.body.sent.body).toContain('"name":"a.b"')
    expect(given.body.sent.body).toContain('"payload":{"x":1}')
    const { sent } = (await test({ position: published.position })).body
    expect(sent.body).toContain(`"payload":${payload}}`)
    expect(sent.headers['millrace-position']).toBe(String(published.position))
    // Not the event's own: a receiver would take the real one for a duplicate.
    expect(sent.headers['idempotency-key']).toMatch(/^test_/)
    expect((await test({ position: 17 })).status).toBe(404)
    expect(await test({ position: published.position, name: 'a.b' })).toMatchObject({
      status: 400,
      body: { message: 'position and name or payload exclude each other.' },
    })
  })

  it('leaves the log and the stream alone, and an entry with its author', async () => {
    receiver.answer = status(500)
    const { test, tenant, on } = await stage()
    await test()
    const { body } = await on('erp', '/stats')
    expect(body).toMatchObject({ failures_in_a_row: 0, lag_events: 0 })
    const { rows } = await database.admin.pool.query(
      `select actor, reason from config_log where tenant = $1 and action = 'test_sent'`,
      [tenant],
    )
    const reason = expect.stringMatching(
      /^Test event order\.created sent via API, webhook-id test_/,
    )
    expect(rows).toEqual([{ actor: 'admin token', reason }])
    const counts = `select (
        select count(*) from event where tenant = $1 and name not like 'millrace.%'
      )
      + (select count(*) from attempt where tenant = $1) as records`
    expect((await database.admin.pool.query(counts, [tenant])).rows).toEqual([{ records: 0 }])
  })
})

describe('a test without an answer', () => {
  it('says why in words: a closed port, silence, a private address', async () => {
    const { test } = await stage({}, 'http://127.0.0.1:9/')
    const { body } = await test()
    expect(body).toMatchObject({ outcome: 'unavailable', received: null })
    expect(body.reason).toContain('ECONNREFUSED')
    const refused = await test({}, strict.url)
    expect(refused.body.reason).toContain('is not a public address')
    const silent = await stage()
    receiver.answer = () => {}
    expect((await silent.test()).body.reason).toContain('no complete answer within 2000 ms')
  })

  it('holds up nobody: beyond four at once they are refused, other tenants go on', async () => {
    const waiting: (() => void)[] = []
    receiver.answer = (_, response) => void waiting.push(() => response.end())
    const [crowd, other] = [await stage(), await stage()]
    const under = [1, 2, 3, 4].map(() => crowd.test())
    await until('four are under way', () => waiting.length === 4)
    const fifth = await crowd.test()
    expect([fifth.status, fifth.headers['retry-after']]).toEqual([429, '1'])
    receiver.answer = ok
    expect((await other.test()).body.outcome).toBe('delivered')
    for (const end of waiting) end()
    for (const { body } of await Promise.all(under)) expect(body.outcome).toBe('delivered')
    expect((await crowd.test()).status).toBe(200)
  })
})

it('sends the payload that was given, byte for byte', async () => {
  const { tenant } = await stage()
  const payload = '{ "n":12345678901234567890, "price":25.080, "n":"\\u0000\\ud800" }'
  const { status: code } = await call(`${service.url}${EVENTSTREAM}/erp/_test`, {
    headers: { tenant },
    body: `{"payload":{"an":"earlier one"}, "payload" : ${payload} }`,
  })
  expect(code).toBe(200)
  expect(receiver.received.at(-1)?.body.toString()).toContain(`"payload":${payload}}`)
})

it('is refused for files, a stranger, and one that is gone', async () => {
  const { tenant, on, test } = await stage()
  const s3 = {
    id: 'files',
    integration_type: 'permanent',
    s3_parameters: {
      aws_region: 'eu-central-1',
      bucket: 'files',
      aws_access_key_id: 'key',
      aws_secret_access_key: 'secret',
      endpoint: 'http://127.0.0.1:9',
    },
  }
  const headers = { tenant }
  await call(service.url + EVENTSTREAM, { headers, body: JSON.stringify(s3) })
  for (const action of ['_test', '_skip', '_resend']) {
    const path = `${service.url}${EVENTSTREAM}/files/${action}`
    const { status: code, body } = await call(path, { method: 'POST', headers, body: '{}' })
    expect([code, body['message']]).toEqual([400, expect.stringContaining('gets files')])
  }
  const stranger = api(service, 'a-stranger')
  expect((await stranger.on('erp', '/_test', 'POST')).status).toBe(404)
  await on('erp', '', 'DELETE')
  expect((await test()).body.message).toContain('was deleted')
})
