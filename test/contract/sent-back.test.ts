// What a GET gives can be sent back, of every resource: it is taken and changes nothing. What it
// shows of secrets stands for those that are stored, where there are any.

import { describe, expect, it } from 'vitest'
import { EVENTSTREAM } from '../../scripts/kit/client.ts'
import { aSubscription, SUBSCRIPTIONS } from '../../scripts/kit/collector.ts'
import { aJob, JOBS } from '../../scripts/kit/jobs.ts'
import { createSecretBox } from '../../src/sealing/secret.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useService } from '../helpers/service.ts'

const KEYS = '/api/v1/api-keys'
const SENDER = '/api/v1/notification-sender'

const database = useDatabase()
const service = useService('start', database)

type Body = Record<string, unknown>
const { ask: send } = api<Body>(service)
const get = async (path: string) => (await send('GET', path)).body
const made = async (path: string, body: unknown) => {
  const reply = await send('POST', path, body)
  if (reply.status >= 300) throw new Error(JSON.stringify(reply))
  return reply.body
}
const refused = (message: RegExp | string) => ({
  status: 400,
  body: {
    error_code: 'invalid_request',
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  },
})

const box = createSecretBox('00'.repeat(32))
/** What is stored of a resource, its secrets in clear: each is sealed anew when it is stored. */
async function stored(table: string, id?: string): Promise<unknown> {
  const { rows } = await database.admin.pool.query(
    `select document::text as text from ${table}
     where tenant = 'dodici' ${id === undefined ? '' : 'and id = $1'}`,
    id === undefined ? [] : [id],
  )
  const text = (rows[0].text as string).replace(/"(sealed:[^"]*)"/g, (_, sealed) =>
    JSON.stringify(box.open('dodici', sealed)),
  )
  return JSON.parse(text)
}

const webhook = {
  integration_type: 'permanent',
  starts_at: '2026-01-01T00:00:00Z',
  filter_conditions: { event_filter: ['order.created'], entity_filter: ['return'] },
  callback_parameters: { callback_url: 'http://127.0.0.1:9/hook?a=b', api_key: 'sent-as-bearer' },
  delivery: {
    max_in_flight: 3,
    timeout_ms: 1_000,
    headers: { 'x-b': 'b-secret', 'X-A': 'a-secret' },
    signing_secret: `whsec_${Buffer.alloc(24, 7).toString('base64')}`,
  },
}
const files = {
  integration_type: 'permanent',
  s3_parameters: {
    aws_access_key_id: 'AKIAMILLRACE',
    aws_secret_access_key: 'secretsecretsecret',
    aws_region: 'eu-west-1',
    bucket: 'bucket',
    key_prefix: 'a/b',
    compression: 'gzip',
    endpoint: 'http://127.0.0.1:9',
    force_path_style: true,
  },
}
const plain = {
  integration_type: 'permanent',
  callback_parameters: { callback_url: 'http://127.0.0.1:9/' },
  delivery: { max_in_flight: 3 },
}
const temporary = {
  ...plain,
  integration_type: 'temporary',
  starts_at: '2026-01-01T00:00:00Z',
  ends_at: '2100-01-01T00:00:00Z',
}
/** Without its health, which only GET shows. */
const steady = ({ health: _, ...shown }: Body) => shown
const warnings = [{ field: 'entityType', code: 'unknown', message: 'Is unknown.', nearest: ['a'] }]

describe('an integration', () => {
  const at = (id: string) => `${EVENTSTREAM}/${id}`

  it.each([
    ['webhook', webhook],
    ['files', files],
    ['plain', plain],
  ])('that is %s is updated with itself', async (id, body) => {
    await made(EVENTSTREAM, { id, ...body })
    const running = { ...(await get(at(id))), warnings }
    await send('POST', `${at(id)}/_stop`)
    const [shown, before] = [await get(at(id)), await stored('consumer', id)]
    expect(await send('PATCH', at(id), running)).toMatchObject({ status: 200, body: steady(shown) })
    expect(await send('PATCH', at(id), shown)).toMatchObject({ status: 200, body: steady(shown) })
    expect(await get(at(id))).toEqual(shown)
    expect(await stored('consumer', id)).toEqual(before)
    // Masked by hand, as an audit shows it.
    const masked = JSON.parse(
      JSON.stringify(body).replace(
        /sent-as-bearer|whsec_[^"]*|AKIAMILLRACE|secret(?=secret)[a-z]*/g,
        '***',
      ),
    )
    delete masked.delivery?.headers
    expect(await send('PATCH', at(id), { ...shown, ...masked })).toMatchObject({ status: 200 })
    expect(await stored('consumer', id)).toEqual(before)
  })

  it.each([
    ['plain', plain],
    ['temporary', temporary],
  ])('that is %s is registered again under its id, and under another', async (id, body) => {
    const first = `${id}-1`
    await made(EVENTSTREAM, { id: first, ...body })
    const [shown, before] = [await get(at(first)), await stored('consumer', first)]
    await send('DELETE', at(first))
    expect(await made(EVENTSTREAM, shown)).toEqual(steady(shown))
    expect(await stored('consumer', first)).toEqual(before)
    expect(await made(EVENTSTREAM, { ...shown, warnings, id: `${id}-2` })).toMatchObject({
      ...steady(shown),
      id: `${id}-2`,
    })
    expect(await stored('consumer', `${id}-2`)).toEqual(before)
    expect(JSON.stringify(before)).not.toMatch(/status|is_signed/)
    await send('DELETE', at(first))
    await send('DELETE', at(`${id}-2`))
  })

  it('is not registered on what is never shown', async () => {
    const shown = await get(at('webhook'))
    expect(await send('POST', EVENTSTREAM, { ...shown, id: 'again' })).toMatchObject(
      refused(
        /^delivery.headers has names without values: .*; delivery.is_signed is true, but the/,
      ),
    )
    const { signing_secret } = webhook.delivery
    const anew = {
      ...(shown['delivery'] as Body),
      headers: webhook.delivery.headers,
      signing_secret,
    }
    await made(EVENTSTREAM, { ...shown, id: 'again', delivery: anew })
    await send('DELETE', at('again'))
    for (const [part, field] of [
      ['callback_parameters', 'api_key'],
      ['delivery', 'signing_secret'],
    ] as const) {
      const body = { ...webhook, id: 'masked', [part]: { ...webhook[part], [field]: '***' } }
      const message = `${part}.${field} is the mask ***, not a secret: set it anew.`
      expect(await send('POST', EVENTSTREAM, body)).toMatchObject(refused(message))
    }
    const s3_parameters = { ...files.s3_parameters, aws_secret_access_key: '***' }
    expect(
      await send('POST', EVENTSTREAM, { ...files, id: 'masked', s3_parameters }),
    ).toMatchObject(refused(/^s3_parameters.aws_secret_access_key is the mask \*\*\*/))
    const headers = { 'x-a': '***' }
    expect(
      await send('POST', EVENTSTREAM, { ...plain, id: 'masked', delivery: { headers } }),
    ).toMatchObject(refused(/^delivery.headers.x-a is the mask \*\*\*/))
  })

  it('is not updated with what it is not', async () => {
    for (const [body, field] of [
      [{ status: 'completed' }, 'status'],
      [{ id: 'other' }, 'id'],
      [{ integration_type: 'temporary' }, 'integration_type'],
      [{ starts_at: '2026-01-01T00:00:01Z' }, 'starts_at'],
      [{ ends_at: '2026-01-01T00:00:01Z' }, 'ends_at'],
      [{ delivery: { headers: ['x-b'] } }, 'delivery.headers'],
      [{ delivery: { is_signed: false } }, 'delivery.is_signed'],
    ] as const) {
      const message = `${field} differs from the current value, and cannot be changed here.`
      expect(await send('PATCH', at('webhook'), body)).toMatchObject(refused(message))
    }
    expect(await send('PATCH', at('webhook'), { colour: 1 })).toMatchObject(
      refused('colour is not known.'),
    )
    const masked = { callback_parameters: { callback_url: 'http://127.0.0.1:9/', api_key: '***' } }
    expect(await send('PATCH', at('plain'), masked)).toMatchObject(
      refused(/^callback_parameters.api_key is the mask \*\*\*/),
    )
    // A stored secret stays with its origin, masked or left out.
    const moved = { callback_parameters: { callback_url: 'http://127.0.0.1:10/', api_key: '***' } }
    const shown = (await get(at('webhook'))) as Body
    expect(await send('PATCH', at('webhook'), { ...shown, ...moved })).toMatchObject(
      refused(/^callback_parameters.api_key must be set anew.*delivery.headers must be set anew/),
    )
  })
})

describe('a subscription', () => {
  it.each([true, false])('is updated with itself, active: %s', async (active) => {
    const id = `crm-${active}`
    await made(SUBSCRIPTIONS, { ...aSubscription({ id, active }), warnings })
    const path = `${SUBSCRIPTIONS}/${id}`
    const [shown, before] = [await get(path), await stored('consumer', `subscription:${id}`)]
    for (const body of [shown, { ...shown, warnings }]) {
      expect(await send('PUT', SUBSCRIPTIONS, body)).toMatchObject({
        status: 201,
        body: steady(shown),
      })
    }
    expect(await get(path)).toEqual(shown)
    expect(await stored('consumer', `subscription:${id}`)).toEqual(before)
    await send('DELETE', path)
    expect(await send('POST', SUBSCRIPTIONS, shown)).toMatchObject(
      refused(
        /^destination.sqs.accessKey is the mask of answers, not a key; .*accessSecret is the mask/,
      ),
    )
    expect(await send('PUT', SUBSCRIPTIONS, shown)).toMatchObject({ status: 404 })
  })
})

describe('a job', () => {
  it('is updated with itself, and made again of it', async () => {
    await made(JOBS, { ...aJob(), id: 'job-1' })
    const [shown, before] = [await get(`${JOBS}/job-1`), await stored('notification_job', 'job-1')]
    expect(shown).toHaveProperty('next_run_at')
    expect(await send('PUT', `${JOBS}/job-1`, shown)).toMatchObject({
      status: 200,
      body: steady(shown),
    })
    expect(await get(`${JOBS}/job-1`)).toEqual(shown)
    expect(await stored('notification_job', 'job-1')).toEqual(before)
    await made(JOBS, { ...shown, id: 'job-2' })
    expect(await stored('notification_job', 'job-2')).toEqual(before)
    await send('DELETE', `${JOBS}/job-1`)
    const deleted = await get(`${JOBS}/job-1`)
    expect(deleted).toMatchObject({ deleted: true, next_run_at: null })
    expect(await send('PUT', `${JOBS}/job-1`, deleted)).toMatchObject({
      status: 200,
      body: deleted,
    })
    const unknown = { ...shown, colour: 1 }
    expect(await send('PUT', `${JOBS}/job-1`, unknown)).toMatchObject(
      refused('colour is not known.'),
    )
    expect(await send('PUT', `${JOBS}/job-1`, { next_run_at: 'soon' })).toMatchObject({
      status: 400,
    })
  })
})

describe('a sender', () => {
  it('is set to itself, and keeps its key at its origin', async () => {
    for (const api_key of [undefined, '***']) {
      const sender = { from_email: 'shop@example.com', api_key }
      expect(await send('PUT', SENDER, sender)).toMatchObject(refused(/^api_key is /))
    }
    const url = 'http://127.0.0.1:11/mail'
    const sender = { api_key: 'SG.key-of-a-shop', from_email: 'shop@example.com', url }
    expect(await send('PUT', SENDER, sender)).toMatchObject({ status: 200 })
    const [shown, before] = [await get(SENDER), await stored('notification_sender')]
    expect(before).toEqual(sender)
    for (const body of [shown, { ...shown, api_key: '***' }]) {
      expect(await send('PUT', SENDER, body)).toMatchObject({ status: 200, body: steady(shown) })
      expect(await stored('notification_sender')).toEqual(before)
    }
    const { url: _, ...elsewhere } = shown
    for (const body of [elsewhere, { ...shown, url: 'http://127.0.0.1:10/mail' }]) {
      expect(await send('PUT', SENDER, body)).toMatchObject(refused(/^api_key must be set anew/))
    }
    expect(await stored('notification_sender')).toEqual(before)
    expect(await send('PUT', SENDER, { ...shown, colour: 1 })).toMatchObject(
      refused('colour is not known.'),
    )
  })
})

describe('a key', () => {
  it('is made like another one of what is shown of it', async () => {
    const wanted = { name: 'erp', tenants: ['dodici'], scopes: ['publish', 'read'], rate: 7 }
    const limits = {
      teams: ['a'],
      event_names: ['order.*'],
      expires_at: '2100-01-01T00:00:00.000Z',
    }
    const { id } = await made(KEYS, { ...wanted, ...limits })
    const shown = await get(`${KEYS}/${id}`)
    const { token: _, ...again } = await made(KEYS, shown)
    const { id: __, created_at: ___, ...same } = shown
    expect(again).toMatchObject(same)
    expect(again['id']).not.toBe(id)
    expect(await get(`${KEYS}/${id}`)).toEqual(shown)
    const revoked = (await send('DELETE', `${KEYS}/${id}`)).body
    expect(revoked).toMatchObject({ status: 'revoked', revoked_by: 'admin token' })
    expect(await made(KEYS, revoked)).toMatchObject({ ...same, status: 'active' })
    expect(await send('POST', KEYS, { ...shown, token: 'x' })).toMatchObject(
      refused('token is not known.'),
    )
  })
})
