// Integrations that get files: what is taken, what is refused, what is shown, and what is kept of
// their keys.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import * as Schema from 'typebox/schema'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, EVENTSTREAM, register } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, type Service, startService } from '../helpers/service.ts'

const database = useDatabase()
let service: Service
let lending: Service
let strict: Service
beforeAll(async () => {
  const environment = { DATABASE_URL: database.url }
  service = await startService('start', environment)
  lending = await startService('serve', {
    ...environment,
    MILLRACE_S3_DEFAULT_CREDENTIALS: 'true',
  })
  strict = await startService('serve', { ...environment, MILLRACE_ALLOW_PRIVATE_TARGETS: 'false' })
})
afterAll(() => Promise.all([service, lending, strict].map((one) => one.kill('SIGTERM'))))

const aws_access_key_id = 'AKIA-a-secret-id'
const aws_secret_access_key = 'a-secret-key/+='
const good = {
  aws_access_key_id,
  aws_secret_access_key,
  aws_region: 'eu-west-1',
  bucket: 'company_bucket',
  key_prefix: 'mycompany/myproject/nst-events',
  endpoint: 'http://127.0.0.1:9/',
  force_path_style: true,
  compression: 'gzip',
}
const { aws_access_key_id: _, aws_secret_access_key: __, ...shown } = good
const post = (s3_parameters: unknown, more = {}, url = service.url, tenant = 'refused') =>
  call(url + EVENTSTREAM, {
    headers: { tenant },
    body: JSON.stringify({ id: 'files', integration_type: 'permanent', s3_parameters, ...more }),
  })
const on = (action = '', method = 'GET', body?: unknown, tenant = 'dodici') =>
  call(`${service.url}${EVENTSTREAM}/files${action}`, {
    method,
    headers: { tenant },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })

describe('a registration', () => {
  it('is shown without its keys, which are encrypted at rest', async () => {
    const reply = await post(good, {}, service.url, 'dodici')
    expect(reply).toMatchObject({ status: 200 })
    expect(reply.body['s3_parameters']).toEqual(shown)
    expect((await on()).body['s3_parameters']).toEqual(shown)
    await on('/_stop', 'POST')
    const update = { s3_parameters: { aws_region: 'eu-west-2', bucket: 'other' } }
    const updated = await on('', 'PATCH', update)
    expect(updated.body['s3_parameters']).toEqual({ ...shown, ...update.s3_parameters })
    const { rows } = await database.pool.query(
      `select document::text from config_log where tenant = 'dodici'
       union all select document::text from integration where tenant = 'dodici'`,
    )
    expect(JSON.stringify(rows)).toContain('sealed:1:')
    const told = [rows, reply.body, updated.body, (await on('/logs')).body, service.output()]
    for (const secret of [aws_access_key_id, aws_secret_access_key]) {
      expect(JSON.stringify(told)).not.toContain(secret)
    }
  })

  it('is valid against the document that clients were written for', async () => {
    const fixture = path.join(import.meta.dirname, '../fixtures/configuration-api.openapi.json')
    const { paths } = JSON.parse(readFileSync(fixture, 'utf8'))
    const operation = paths['/eventstream/{integration_id}'].get
    const { schema } = operation.responses['200'].content['application/json']
    const { body } = await on()
    expect(Schema.Check(schema, body), JSON.stringify(body)).toBe(true)
    const { requestBody } = paths['/eventstream'].post
    const example = requestBody.content['application/json'].examples
    const [value] = Object.values(example ?? {})
      .map((entry) => (entry as { value: { s3_parameters?: object } }).value)
      .filter((entry) => entry?.s3_parameters)
    const s3_parameters = value?.s3_parameters ?? {
      aws_access_key_id,
      aws_secret_access_key,
      aws_region: 'us-west-2',
      bucket: 'company_bucket',
      key_prefix: 'a-1',
    }
    expect(await post(s3_parameters, {}, service.url, 'documented')).toMatchObject({ status: 200 })
    await on('', 'DELETE', undefined, 'documented')
  })

  const without = (...names: (keyof typeof good)[]) =>
    Object.fromEntries(Object.entries(good).filter(([name]) => !names.includes(name as 'bucket')))
  const cases: [unknown, string, object?][] = [
    [{}, 's3_parameters.aws_region'],
    [without('bucket'), 's3_parameters.bucket'],
    [without('aws_secret_access_key'), 's3_parameters.aws_secret_access_key'],
    [without('aws_access_key_id'), 's3_parameters.aws_access_key_id'],
    [without('aws_access_key_id', 'aws_secret_access_key'), 'MILLRACE_S3_DEFAULT_CREDENTIALS'],
    [{ ...good, aws_access_key_id: '' }, 'aws_access_key_id'],
    [{ ...good, aws_region: 'a.example.com/#' }, 'aws_region'],
    [{ ...good, bucket: '' }, 'bucket'],
    [{ ...good, bucket: 'a/b' }, 'bucket'],
    [{ ...good, key_prefix: 'ends/' }, 'key_prefix'],
    [{ ...good, key_prefix: 'x'.repeat(65) }, 'key_prefix'],
    [{ ...good, key_prefix: 'a b/c' }, 'key_prefix'],
    [{ ...good, endpoint: 'ftp://a.example' }, 's3_parameters.endpoint'],
    [{ ...good, endpoint: 'https://id:key@a.example' }, 's3_parameters.endpoint'],
    [{ ...good, endpoint: 'a.example' }, 's3_parameters.endpoint'],
    [{ ...good, compression: 'zip' }, 'compression'],
    [{ ...good, acl: 'public' }, 'acl'],
    [good, 'exclude each other', { callback_parameters: { callback_url: 'http://a.example' } }],
    [good, 'delivery', { delivery: { max_in_flight: 1 } }],
    [undefined, 'callback_parameters'],
  ]
  it.each(cases)('%j is refused: %s', async (parameters, word, more = {}) => {
    expect(await post(parameters, more)).toMatchObject({
      status: 400,
      body: { error_code: 'invalid_request', message: expect.stringContaining(word) },
    })
  })

  it('needs no keys where the operator lends them', async () => {
    const parameters = without('aws_access_key_id', 'aws_secret_access_key')
    const reply = await post(parameters, {}, lending.url, 'lent')
    expect(reply.body['s3_parameters']).toEqual(shown)
    const half = without('aws_secret_access_key')
    expect(await post(half, {}, lending.url, 'half')).toMatchObject({ status: 400 })
    // The worker of another operator's mind lends none: the integration stops, and says why.
    await database.pool.query(
      `insert into event select 'lent', position_of(clock_timestamp()), 'order.created', 'o', 'k',
         't', 's', '{}', 2, '{}'`,
    )
    await on('/_stop', 'POST', undefined, 'lent')
    const logs = await until('it is told', async () => {
      const text = JSON.stringify((await on('/logs', 'GET', undefined, 'lent')).body)
      return text.includes('operator') && text
    })
    expect(logs).toContain('event_refused')
  })

  it.each(['http://localhost/', 'http://169.254.169.254/', 'http://[::1]/'])(
    'with an endpoint that is not public is refused: %s',
    async (endpoint) => {
      expect(await post({ ...good, endpoint }, {}, strict.url)).toMatchObject({
        status: 400,
        body: {
          message: expect.stringMatching(/s3_parameters.endpoint is refused: .* not a public/),
        },
      })
    },
  )
})

describe('an update', () => {
  it('does not change the kind', async () => {
    await register(service.url, 'webhook', 'http://127.0.0.1:9/', {}, 'kinds')
    await post(good, {}, service.url, 'kinds')
    const { patch } = api(service, 'kinds')
    for (const id of ['webhook', 'files']) {
      const headers = { tenant: 'kinds' }
      await call(`${service.url}${EVENTSTREAM}/${id}/_stop`, { method: 'POST', headers })
    }
    const callback_parameters = { callback_url: 'http://a.example' }
    for (const [id, body, word] of [
      ['webhook', { s3_parameters: good }, 's3_parameters is not allowed'],
      ['files', { callback_parameters }, 'callback_parameters is not allowed'],
      ['files', { callback_parameters, s3_parameters: good }, 'exclude each other'],
      ['files', { delivery: { timeout_ms: 1_000 } }, 'delivery is for webhooks'],
      ['files', { s3_parameters: { bucket: 'b' } }, 's3_parameters.aws_region'],
    ] as [string, object, string][]) {
      expect(await patch(id, body)).toMatchObject({
        status: 400,
        body: { message: expect.stringContaining(word) },
      })
    }
    const rotation = `${service.url}${EVENTSTREAM}/files/_rotate_signing_secret`
    const rotated = await call(rotation, { headers: { tenant: 'kinds' }, body: '{}' })
    expect(rotated).toMatchObject({ status: 400 })
    const keys = { aws_access_key_id: randomUUID(), aws_secret_access_key: randomUUID() }
    const { aws_region, bucket } = good
    expect(await patch('files', { s3_parameters: { aws_region, bucket, ...keys } })).toMatchObject({
      status: 200,
      body: { status: 'stopped', s3_parameters: { bucket, key_prefix: good.key_prefix } },
    })
  })
})
