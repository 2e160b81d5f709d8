// Subscriptions as a client makes, changes and ends them: representations, statuses, faults, and
// what is kept of every change. How many there may be is in room.test.ts.

import { describe, expect, it } from 'vitest'
import { call } from '../../scripts/kit/client.ts'
import { aSubscription, collector, SUBSCRIPTIONS } from '../../scripts/kit/collector.ts'
import { createSecretBox } from '../../src/sealing/secret.ts'
import { useDatabase } from '../helpers/database.ts'
import { useService } from '../helpers/service.ts'

const database = useDatabase()
const service = useService('serve', database)
const guarded = useService('serve', database, () => ({
  MILLRACE_ALLOW_PRIVATE_TARGETS: 'false',
  MILLRACE_QUEUE_DEFAULT_CREDENTIALS: 'true',
}))

type Options = { tenant?: string; token?: string | null }
const post = (body: unknown, options: Options = {}, { url } = service) =>
  collector(url + SUBSCRIPTIONS, 'POST', body, options)
const put = (body: unknown, options: Options = {}) =>
  collector(service.url + SUBSCRIPTIONS, 'PUT', body, options)
const get = (path = '', options: Options = {}) =>
  collector(service.url + SUBSCRIPTIONS + path, 'GET', undefined, options)
const deactivate = (id: string, options: Options = {}) =>
  collector(`${service.url}${SUBSCRIPTIONS}/${id}/deactivate`, 'PUT', undefined, options)

/** As answers show it. */
function shown(subscription: ReturnType<typeof aSubscription>) {
  const { sqs, ...rest } = subscription.destination
  const masked = { ...sqs, accessKey: '***', accessSecret: '***' }
  return { ...subscription, destination: { ...rest, sqs: masked } }
}
const withSqs = (changes: object, more: Record<string, unknown> = {}) => {
  const { sqs, type } = aSubscription().destination
  return aSubscription({ destination: { sqs: { ...sqs, ...changes }, type }, ...more })
}

describe('a subscription', () => {
  it('makes the round trip, and its keys are nowhere', async () => {
    const subscription = aSubscription()
    const expected = shown(subscription)
    const created = await post(subscription)
    expect(created).toMatchObject({ status: 201 })
    expect(created.body).toEqual(expected)
    const health = expect.objectContaining({ state: 'ok' })
    expect((await get('/crm')).body).toEqual({ ...expected, health })
    expect((await get()).body).toEqual([{ ...expected, health }])
    const { rows } = await database.pool.query(`
      select document::text as text from config_log where id = 'subscription:crm'
      union all select document::text from consumer`)
    const texts = rows.map(({ text }) => text).join('\n')
    expect(texts).not.toContain('secretsecretsecret')
    expect(texts).not.toContain('AKIAMILLRACE')
    expect(service.output()).not.toContain('secretsecretsecret')
  })

  it('makes the round trip as the reference document shows it', async () => {
    const sqs = { accessKey: 'a', accessSecret: 'b', queueUrl: 'string', region: 'string' }
    const example = aSubscription({ destination: { sqs, type: 'SNS' }, id: 'string' })
    const created = await post(example, { tenant: 'example' })
    expect(created).toMatchObject({ status: 201 })
    expect(created.body).toEqual(shown(example))
  })

  it('has defaults, and an id is made where none is given', async () => {
    const { destination } = aSubscription()
    const created = await post({ destination, entityType: 'ORDER' }, { tenant: 'defaults' })
    const { id, ...rest } = created.body
    expect(created.status).toBe(201)
    expect(id).toMatch(/^[0-9a-f-]{36}$/)
    expect(rest).toMatchObject({ active: true, entityType: 'ORDER' })
    const flags = { subscribeChange: false, subscribeCreate: false, subscribeDelete: false }
    expect(rest).toMatchObject(flags)
  })

  it('is updated by the id in its body; keys that are not named stay', async () => {
    const tenant = 'updates'
    await post(aSubscription(), { tenant })
    const before = await document(tenant)
    const current = (await get('/crm', { tenant })).body
    const update = { ...current, entityType: 'ORDER', subscribeChange: false }
    const updated = await put(update, { tenant })
    expect(updated).toMatchObject({ status: 201 })
    expect({ ...updated.body, health: current['health'] }).toEqual(update)
    expect((await get('/crm', { tenant })).body).toEqual(update)
    expect(await document(tenant)).toMatchObject({ entityType: 'ORDER' })
    expect(keysOf(before)).toEqual(['AKIAMILLRACE', 'secretsecretsecret'])
    expect(keysOf(await document(tenant))).toEqual(['AKIAMILLRACE', 'secretsecretsecret'])
    expect((await put(withSqs({ accessSecret: 'another' }), { tenant })).status).toBe(201)
    expect(keysOf(await document(tenant))).toEqual(['AKIAMILLRACE', 'another'])
  })

  it('is deactivated and activated, each once, and all of it is in its log', async () => {
    const tenant = 'states'
    await post(aSubscription(), { tenant })
    for (let i = 0; i < 2; i++) {
      const answer = await deactivate('crm', { tenant })
      expect(answer).toMatchObject({ status: 200 })
      expect(answer.body).toEqual({ body: {}, statusCode: 'ACCEPTED', statusCodeValue: 202 })
    }
    expect((await get('/crm', { tenant })).body).toMatchObject({ active: false })
    expect((await get('', { tenant })).body).toMatchObject([{ id: 'crm', active: false }])
    const { active: _, ...unsaid } = aSubscription()
    expect((await put(unsaid, { tenant })).body).toMatchObject({ active: false })
    expect((await put(aSubscription(), { tenant })).body).toMatchObject({ active: true })
    expect((await put({ ...unsaid, active: false }, { tenant })).body).toMatchObject({
      active: false,
    })
    const log = (await get('/crm/logs', { tenant })).body as { entries: { action: string }[] }
    expect(log.entries.map(({ action }) => action).reverse()).toEqual([
      'subscription_started',
      'subscription_stopped',
      'subscription_updated',
      'subscription_started',
      'subscription_stopped',
      'subscription_updated',
    ])
    expect((await get('/crm/stats', { tenant })).body).toMatchObject({ status: 'stopped' })
    const { rows } = await database.pool.query(
      'select distinct actor, kind from config_log where tenant = $1',
      [tenant],
    )
    expect(rows).toEqual([{ actor: 'admin token', kind: 'subscription' }])
  })

  it('can be made inactive', async () => {
    const tenant = 'inactive'
    const created = await post(aSubscription({ active: false }), { tenant })
    expect(created).toMatchObject({ status: 201, body: { active: false } })
  })

  it('is not even deactivated by an update that is refused', async () => {
    await post(aSubscription({ id: 'kept' }))
    const refused = await put(withSqs({ queueUrl: 'no queue' }, { id: 'kept', active: false }))
    expect(refused.status).toBe(400)
    expect((await get('/kept')).body).toMatchObject({ active: true })
  })
  it('belongs to one tenant', async () => {
    const foreign = { tenant: 'stranger' }
    expect((await get('', foreign)).body).toEqual([])
    for (const path of ['/crm', '/crm/logs', '/crm/stats', '/crm/rejected_events']) {
      expect(await get(path, foreign)).toMatchObject({ status: 404 })
    }
    expect(await put(aSubscription(), foreign)).toMatchObject({ status: 404 })
    expect(await deactivate('crm', foreign)).toMatchObject({ status: 404 })
    expect(await post(aSubscription({ entityType: 'ORDER' }), foreign)).toMatchObject({
      status: 201,
    })
    expect((await get('/crm')).body).toMatchObject({ active: true, entityType: 'CUSTOMER' })
  })
})

describe('what is refused', () => {
  it('an id that a path would not have', async () => {
    for (const id of ['.', '..']) {
      expect(await post(aSubscription({ id }))).toMatchObject({
        status: 400,
        body: { message: expect.stringContaining('id must be more than dots') },
      })
    }
  })

  const { sqs } = aSubscription().destination
  const arn = 'arn:aws:sns:eu-west-1:000000000000:customers'
  it.each([
    [{}, /^destination is missing; entityType is missing/],
    [aSubscription({ entityType: 'customer' }), /^entityType must be a word in capitals/],
    [aSubscription({ active: 'yes' }), /^active must be boolean/],
    [aSubscription({ subscribeDelete: 1 }), /^subscribeDelete must be boolean/],
    [aSubscription({ id: 'a/b' }), /^id must be letters, digits and/],
    [aSubscription({ name: 'x' }), /^name is not known/],
    [aSubscription({ destination: { sqs, type: 'KAFKA' } }), /destination.type must be one of SQS/],
    [aSubscription({ destination: { type: 'SQS' } }), /^destination.sqs is missing/],
    [aSubscription({ destination: { type: 'SNS' } }), /^destination.sns is missing/],
    [
      aSubscription({ destination: { sqs, sns: { topicArn: arn, region: 'x' }, type: 'SQS' } }),
      /^destination.sns does not belong to the type SQS/,
    ],
    [withSqs({ queueUrl: 'not a url' }), /^destination.sqs.queueUrl must be an absolute URL/],
    [withSqs({ queueUrl: 'ftp://a/b' }), /^destination.sqs.queueUrl must begin with http/],
    [withSqs({ queueUrl: 'http://a:b@c/d' }), /queueUrl must not contain credentials/],
    [withSqs({ queueUrl: 'http://a.ex\tample/0/q' }), /queueUrl must not have blanks/],
    [withSqs({ queueUrl: 'http://a.example/0/q\n' }), /queueUrl must not have blanks/],
    [withSqs({ queueUrl: 'http://a.example/0/q\0' }), /queueUrl has the character U\+0000/],
    [withSqs({ queueUrl: 'http://a.example/0/\ud83d' }), /queueUrl has a lone surrogate/],
    [withSqs({ endpoint: 'http://a:b@c' }), /endpoint must not contain credentials/],
    [
      withSqs({ region: 'eu west' }),
      /^destination.sqs.region must be letters, digits and hyphens\./,
    ],
    [withSqs({ region: undefined }), /^destination.sqs.region is missing/],
    [withSqs({ endpoint: 'localhost' }), /^destination.sqs.endpoint must/],
    [withSqs({ accessKey: undefined }), /^destination.sqs.accessKey is missing/],
    [
      withSqs({ accessKey: undefined, accessSecret: undefined }),
      /accessKey is missing: the operator provides no credentials/,
    ],
    [withSqs({ accessSecret: '***' }), /^destination.sqs.accessSecret is the mask of answers/],
    [
      withSqs({ accessSecret: 'a\nb' }),
      /^destination.sqs.accessSecret must be visible ASCII characters/,
    ],
    [
      aSubscription({ destination: { sns: { topicArn: 'x', region: 'x' }, type: 'SNS' } }),
      /^destination.sns.topicArn must be the ARN of a topic/,
    ],
    [
      aSubscription({ destination: { sqs: { ...sqs }, type: 'SNS' } }),
      /^destination.sqs.queueUrl must be the ARN of a topic/,
    ],
  ])('%j', async (body, message) => {
    const reply = await post(body, { tenant: 'refused' })
    expect(reply).toMatchObject({
      status: 400,
      body: { error_code: 'invalid_request', message: expect.stringMatching(message) },
    })
    const update = await put({ id: 'crm', ...body }, { tenant: 'dodici' })
    expect(update.status === 400 || update.status === 201).toBe(true)
    expect((await get('', { tenant: 'refused' })).body).toEqual([])
  })

  it('says who may not, and which methods there are', async () => {
    expect((await post(aSubscription(), { token: null })).status).toBe(401)
    expect((await put({ ...aSubscription(), id: 'nobody' })).status).toBe(404)
    expect((await put({ ...aSubscription(), id: undefined })).body).toMatchObject({
      message: 'id is missing.',
    })
    expect((await get('/nobody')).status).toBe(404)
    expect((await deactivate('nobody')).status).toBe(404)
    const patched = collector(`${service.url}${SUBSCRIPTIONS}/crm`, 'PATCH', {})
    expect(await patched).toMatchObject({ status: 405 })
  })

  it('lets no destination lead to a private address, unless the operator allows it', async () => {
    const { sqs: _, type } = aSubscription().destination
    const base = { region: 'eu-west-1' }
    const tries = [
      ['sqs.queueUrl', { sqs: { ...base, queueUrl: 'http://127.0.0.1:9/0/q' }, type }],
      ['sqs.queueUrl', { sqs: { ...base, queueUrl: 'http://169.254.169.254/q' }, type }],
      ['sqs.endpoint', { sqs: { ...base, queueUrl: 'q', endpoint: 'http://[::1]:9' }, type }],
      [
        'sns.endpoint',
        { sns: { ...base, topicArn: arn, endpoint: 'http://10.0.0.1' }, type: 'SNS' },
      ],
    ] as const
    for (const [field, destination] of tries) {
      const reply = await post(aSubscription({ destination }), { tenant: 'guarded' }, guarded)
      expect(reply).toMatchObject({
        status: 400,
        body: { message: expect.stringContaining(`destination.${field} is refused`) },
      })
    }
    const url = 'https://sqs.eu-west-1.amazonaws.com/000000000000/q'
    const destination = { sqs: { ...base, queueUrl: url }, type }
    const lent = await post(aSubscription({ destination }), { tenant: 'guarded' }, guarded)
    expect(lent).toMatchObject({ status: 201 })
    expect(lent.body['destination']).toEqual(destination)
  })

  it('knows the values that the reference document names', async () => {
    const { body } = await call<{ paths: object; components: { schemas: Record<string, object> } }>(
      `${service.url}/openapi.json`,
    )
    const { SubscriptionInput, Destination, CollectedPayload } = body.components.schemas
    const text = JSON.stringify([SubscriptionInput, Destination])
    for (const value of ['INVENTORY_LOCATION', 'VARIANT_PRODUCT', 'WISHLIST', 'SQS', 'SNS']) {
      expect(text).toContain(value)
    }
    expect(JSON.stringify(CollectedPayload)).toContain('BULK_CREATE')
    const path = `${SUBSCRIPTIONS}/{Id}/deactivate`
    expect(Object.keys(body.paths)).toContain(path)
  })
})

/** The keys of a stored document, opened. */
function keysOf(document: Record<string, unknown>): string[] {
  const { sqs } = document['destination'] as { sqs: Record<string, string> }
  const box = createSecretBox('00'.repeat(32))
  return ['accessKey', 'accessSecret'].map((name) => box.open('updates', sqs[name] as string))
}

async function document(tenant: string): Promise<Record<string, unknown>> {
  const { rows } = await database.pool.query(
    `select document from consumer where tenant = $1 and id = 'subscription:crm'`,
    [tenant],
  )
  return typeof rows[0].document === 'string' ? JSON.parse(rows[0].document) : rows[0].document
}
