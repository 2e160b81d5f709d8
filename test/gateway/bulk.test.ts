// Bulk publishes over HTTP: each line has its answer, in order; a bad one fails alone; payloads are
// stored to the byte.

import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { call, publish, send } from '../../scripts/kit/client.ts'
import { useDatabase } from '../helpers/database.ts'
import { useService } from '../helpers/service.ts'
import { lineOf, sendBulk } from './bulk-client.ts'

const database = useDatabase()
const service = useService('serve', database, () => ({ MILLRACE_MAX_EVENT_BYTES: '100000' }))
const bulk = (body: string | Buffer, headers = {}, token?: string) =>
  sendBulk(service.url, body, headers, token)
const keyed = (count: number) => Array.from({ length: count }, () => randomUUID())

async function stored(keys: string[]) {
  const { rows } = await database.pool.query(
    `select idempotency_key as key, payload::text as payload, position, live, team, service,
      correlation_ids
     from event where idempotency_key = any($1) order by position`,
    [keys],
  )
  return rows
}

const faultsOf = (answer: { error?: { details: { field: string; code: string }[] } } | undefined) =>
  answer?.error?.details.map(({ field, code }) => `${field} ${code}`)

describe('a bulk publish', () => {
  it('answers each line in order, and stores them in order', async () => {
    const keys = keyed(2_000)
    const { status, answers, isWhole } = await bulk(keys.map((key) => lineOf(key)).join(''))
    expect({ status, isWhole }).toEqual({ status: 200, isWhole: true })
    expect(answers).toHaveLength(2_000)
    const rows = await stored(keys)
    expect(rows.map(({ key }) => key)).toEqual(keys)
    expect(answers.map(({ position }) => position)).toEqual(rows.map(({ position }) => position))
    expect(answers[7]).toMatchObject({ duplicate: false, published_at: expect.any(String) })
  })

  it('appends nothing twice, and knows the events of single publishes', async () => {
    const keys = keyed(3)
    const single = await publish(service.url, { key: keys[0] as string, payload: '{"n":1}' })
    const body = keys.map((key) => lineOf(key)).join('')
    const first = await bulk(body)
    expect(first.answers[0]).toEqual({ ...single.body, duplicate: true })
    const again = await bulk(body + lineOf(keys[1] as string, '{"n":2}'))
    expect(again.answers.slice(0, 3)).toEqual(
      first.answers.map((answer) => ({ ...answer, duplicate: true })),
    )
    expect(again.answers[3]?.error?.code).toBe('idempotency_key_reused')
    expect(faultsOf(again.answers[3])).toEqual(['idempotency_key idempotency_key_reused'])
    expect(await stored(keys)).toHaveLength(3)
  })

  it.each([
    ['the spelling of numbers', '{"price":25.080,"big":12345678901234567890}'],
    ['escapes', '{"a":"\\u0000 \\ud800 \\/ ü"}'],
    ['duplicate keys and space', '{ "a" : 1 ,\t"a":2 }'],
    ['what looks like an envelope', '{"payload":{"payload":"}"},"name":"\\"}{"}'],
    ['256 levels', `{"a":${'['.repeat(255)}${']'.repeat(255)}}`],
  ])('keeps a payload to the byte: %s', async (_, payload) => {
    const [key] = keyed(1) as [string]
    const { answers } = await bulk(lineOf(key, payload))
    expect(answers).toMatchObject([{ duplicate: false }])
    expect(await stored([key])).toMatchObject([{ payload }])
  })

  it('takes the tenant from either of its headers', async () => {
    const [key] = keyed(1) as [string]
    const { status, answers } = await bulk(lineOf(key), { tenant: '', 'x-twc-tenant': 'dodici' })
    expect({ status, answers }).toMatchObject({ status: 200, answers: [{ duplicate: false }] })
  })

  it('takes each field from its line, or else from the headers', async () => {
    const [own, from] = keyed(2) as [string, string]
    const { answers } = await bulk(
      lineOf(own, '{}', { team: 'mine', service: 'ours', correlation_ids: { order_id: 'ö' } }) +
        lineOf(from, '{}', { tenant: 'dodici' }),
      { live: 'false' },
    )
    expect(answers).toMatchObject([{ duplicate: false }, { duplicate: false }])
    expect(await stored([own, from])).toMatchObject([
      { team: 'mine', service: 'ours', correlation_ids: { order_id: 'ö' }, live: false },
      { team: 'team-orders', service: 'shop', correlation_ids: {}, live: false },
    ])
  })

  it('answers a line with 8,000 faults in a few words', async () => {
    const many = Array.from({ length: 8_000 }, (_, i) => `"${i}":1`).join()
    const repeated = `{${'"name":1,'.repeat(8_000)}"name":1}\n`
    const unknown = lineOf('k', '{}').replace('"payload"', `"correlation_ids":{${many}},"payload"`)
    const members = lineOf('k', '{}').replace('"payload"', `${many},"payload"`)
    for (const line of [repeated, unknown, members]) {
      const { answers } = await bulk(line)
      expect(JSON.stringify(answers).length).toBeLessThan(2_000)
      expect(answers[0]?.error?.code).toBe('invalid_request')
    }
  })

  it('names what is wrong with a line, and stores the others', async () => {
    const key = randomUUID()
    const wrong: [line: string | Buffer, faults: string[]][] = [
      ['{"a":\n', ['line not_json']],
      ['\n', ['line empty']],
      ['[1]\n', ['line not_an_object']],
      [Buffer.from('{"name":"\xff"}\n', 'latin1'), ['line not_utf8']],
      [lineOf(key, '{}', { name: 'order' }), ['name invalid']],
      [lineOf(key, '{}', { name: 7 }), ['name invalid']],
      [lineOf(key, '{}', { tenant: 'another' }), ['tenant another_tenant']],
      [lineOf(key, '{}', { entity_id: '' }), ['entity_id required']],
      [lineOf(key, '{}', { entity_id: 'x'.repeat(256) }), ['entity_id too_long']],
      [lineOf(key, '{}', { entity_id: 'a\nb' }), ['entity_id invalid']],
      [lineOf('\ud800', '{}'), ['idempotency_key invalid']],
      [lineOf(` ${key}`, '{}'), ['idempotency_key invalid']],
      [lineOf(`${key} `, '{}'), ['idempotency_key invalid']],
      [lineOf(key, '{}', { correlation_ids: { cart: 'c' } }), ['correlation_ids unknown_type']],
      [lineOf(key, '{}', { correlation_ids: [] }), ['correlation_ids invalid']],
      [lineOf(key, '{}', { postion: 1 }), ['line unknown']],
      [lineOf(key, '7'), ['payload not_an_object']],
      [lineOf(key, `{"a":${'['.repeat(256)}${']'.repeat(256)}}`), ['line too_deep']],
      [
        '{"name":"a.b","name":"c.d"}\n',
        ['name repeated', 'payload required', 'entity_id required', 'idempotency_key required'],
      ],
      [lineOf(key, `{"a":"${'x'.repeat(100_001)}"}`), ['payload too_large']],
      [lineOf(key, `{"a":"${'x'.repeat(300_000)}"}`), ['line too_large']],
    ]
    const good = keyed(wrong.length + 1)
    const parts = wrong.flatMap(([line], i) => [
      Buffer.from(line),
      Buffer.from(lineOf(good[i] as string)),
    ])
    const { answers, isWhole } = await bulk(
      Buffer.concat([...parts, Buffer.from(lineOf(good.at(-1) as string))]),
    )
    expect(isWhole).toBe(true)
    expect(answers).toHaveLength(2 * wrong.length + 1)
    wrong.forEach(([, faults], i) => {
      expect(faultsOf(answers[2 * i])?.sort()).toEqual(faults.sort())
      expect(answers[2 * i + 1]).toMatchObject({ duplicate: false })
    })
    expect(await stored([...good, key])).toHaveLength(good.length)
    expect(answers.at(-3)?.error).toMatchObject({ code: 'payload_too_large' })
  })

  it('takes CRLF, a byte order mark at its beginning, and a last line without an end', async () => {
    const keys = keyed(3)
    const [first, second, last] = keys.map((key) => lineOf(key).trimEnd())
    const { answers } = await bulk(`\ufeff${first}\r\n${second}\r\n${last}`)
    expect(answers).toMatchObject(Array(3).fill({ duplicate: false }))
    const { answers: none } = await bulk('')
    expect(none).toEqual([])
    const inside = await bulk(`${first}\n\ufeff${second}\n`)
    expect(inside.answers[0]).toMatchObject({ duplicate: true })
    expect(faultsOf(inside.answers[1])).toEqual(['line not_json'])
  })

  it('gives each line the rights of the token', async () => {
    const { body: made } = await call<{ token: string }>(`${service.url}/api/v1/api-keys`, {
      body: JSON.stringify({
        name: 'bound',
        tenants: ['dodici'],
        scopes: ['publish'],
        teams: ['team-orders'],
        event_names: ['order.*'],
      }),
    })
    const keys = keyed(3) as [string, string, string]
    const { answers } = await bulk(
      lineOf(keys[0]) +
        lineOf(keys[1], '{}', { name: 'invoice.created' }) +
        lineOf(keys[2], '{}', { team: 'other' }),
      {},
      made.token,
    )
    expect(answers[0]).toMatchObject({ duplicate: false })
    expect(answers[1]?.error?.code).toBe('forbidden')
    expect(faultsOf(answers[1])).toEqual(['name forbidden'])
    expect(faultsOf(answers[2])).toEqual(['team forbidden'])
    expect(await bulk(lineOf(keys[1]), { tenant: 'another' }, made.token)).toMatchObject({
      status: 403,
    })
  })

  it('is refused as a whole for its headers', async () => {
    const url = `${service.url}/events`
    const headers = { 'content-type': 'application/x-ndjson' }
    const refused = async (more: Record<string, string>) =>
      (await send(url, { headers: { ...headers, ...more }, body: lineOf('k') })).body
    expect(await refused({ 'content-type': 'application/json' })).toMatchObject({
      status: '400',
      details: [{ field: 'content-type' }],
    })
    expect(
      await refused({ tenant: 'no tenant', team: 'x'.repeat(256), live: 'true' }),
    ).toMatchObject({ status: '400', details: [{ field: 'tenant' }, { field: 'team' }] })
    expect(await refused({ 'content-encoding': 'gzip' })).toMatchObject({
      details: [{ field: 'content-encoding' }],
    })
    expect(await refused({ live: 'maybe' })).toMatchObject({ details: [{ field: 'live' }] })
  })
})
