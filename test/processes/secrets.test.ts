// Everything that is secret is used once, with failures and at the most talkative log level; then
// the whole database and all output are searched for it.

import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { ADMIN_TOKEN, call, EVENTSTREAM, publish } from '../../scripts/kit/client.ts'
import { createJob, runNow } from '../../scripts/kit/jobs.ts'
import { startReceiver, status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { newSigningSecret } from '../../src/destination/sign.ts'
import { useDatabase } from '../helpers/database.ts'
import { dumpOf } from '../helpers/dump.ts'
import { startService } from '../helpers/service.ts'
import { customer, level, projected, tell, wishlist } from '../helpers/shop.ts'

const database = useDatabase()
const secret = (name: string) => `${name}-${randomBytes(12).toString('hex')}`

it('no secret is in clear in the database or in any output', async () => {
  const secrets = {
    apiKey: secret('api-key'),
    newApiKey: secret('new-api-key'),
    header: secret('header'),
    signing: newSigningSecret(),
    jwtSecret: secret('jwt-secret'),
    secretKey: randomBytes(32).toString('hex'),
    admin: ADMIN_TOKEN,
    s3KeyId: secret('s3-key-id'),
    s3Key: secret('s3-key'),
    sendgrid: secret('SG.operator'),
    ownSendgrid: secret('SG.tenant'),
  }
  const receiver = await startReceiver(status(400, {}, 'no'))
  const service = await startService('start', {
    DATABASE_URL: database.url,
    MILLRACE_LOG_LEVEL: 'debug',
    MILLRACE_JWT_SECRET: secrets.jwtSecret,
    MILLRACE_SECRET_KEY: secrets.secretKey,
    MILLRACE_RETRY_BASE_MS: '1',
    MILLRACE_SENDGRID_API_KEY: secrets.sendgrid,
    MILLRACE_SENDGRID_URL: receiver.url,
    MILLRACE_SENDGRID_FROM: 'shop@example.com',
  })
  const on = (action: string, method: string, body?: unknown) =>
    call(`${service.url}${EVENTSTREAM}/erp${action}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  const integration = {
    id: 'erp',
    integration_type: 'permanent',
    callback_parameters: { callback_url: receiver.url, api_key: secrets.apiKey },
    delivery: { headers: { 'x-key': secrets.header }, signing_secret: secrets.signing },
  }
  const answers: string[] = []
  const remember = async (reply: Promise<{ body: unknown }>) => {
    answers.push(JSON.stringify((await reply).body))
  }
  await remember(call(service.url + EVENTSTREAM, { body: JSON.stringify(integration) }))
  // A fault beside a secret: the message must not quote it.
  const faulty = { ...integration, id: 'ERP' }
  await remember(call(service.url + EVENTSTREAM, { body: JSON.stringify(faulty) }))

  const created = await call(`${service.url}/api/v1/api-keys`, {
    body: JSON.stringify({ name: 'k', tenants: ['dodici'], scopes: ['configure'] }),
  })
  expect(created.status).toBe(201)
  const key = String(created.body['token'])
  const form = `grant_type=client_credentials&client_id=${key.split('_')[1]}&client_secret=${key}`
  const granted = await call(`${service.url}/oauth2/token`, {
    token: null,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form,
  })
  expect(granted.status).toBe(200)
  const jwt = String(granted.body['access_token'])
  const claims = { tenant: 'dodici', scope: 'read', exp: Math.floor(Date.now() / 1000) + 60 }
  const head = Buffer.from('{"alg":"HS256"}').toString('base64url')
  const text = `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
  const signature = createHmac('sha256', secrets.jwtSecret).update(text).digest('base64url')
  const ownJwt = `${text}.${signature}`
  for (const token of [key, jwt, ownJwt]) {
    const reply = call(service.url + EVENTSTREAM, { token })
    expect((await reply).status).toBe(200)
    await remember(reply)
  }
  for (const token of [`${key}x`, `${ownJwt}x`]) {
    expect((await call(service.url + EVENTSTREAM, { token })).status).toBe(401)
  }

  await publish(service.url, { key: randomUUID(), payload: '{}' })
  await until('one is rejected', async () => {
    const { body } = await on('/rejected_events', 'GET')
    return (body['rejected_events'] as unknown[]).length > 0
  })
  receiver.answer = (_, response) => response.socket?.resetAndDestroy()
  await publish(service.url, { key: randomUUID(), payload: '{}' })
  await until('it is stopped', async () => (await on('', 'GET')).body['status'] === 'stopped')
  const callback_parameters = { callback_url: receiver.url, api_key: secrets.newApiKey }
  await remember(on('', 'PATCH', { callback_parameters }))
  const rotated = await on('/_rotate_signing_secret', 'POST', {})

  // A store that quotes what it was sent.
  receiver.answer = (_, response) =>
    response
      .writeHead(403)
      .end(`<Error><Code>AccessDenied</Code><Message>${secrets.s3KeyId}</Message></Error>`)
  const files = `${service.url}${EVENTSTREAM}/files`
  const s3_parameters = {
    aws_access_key_id: secrets.s3KeyId,
    aws_secret_access_key: secrets.s3Key,
    aws_region: 'eu-west-1',
    bucket: 'bucket',
    endpoint: receiver.url,
  }
  const exporting = { id: 'files', integration_type: 'permanent', s3_parameters }
  await remember(call(service.url + EVENTSTREAM, { body: JSON.stringify(exporting) }))
  await publish(service.url, { key: randomUUID(), payload: '{}' })
  await remember(call(`${files}/_stop`, { method: 'POST' }))
  await until('the store has refused', async () => {
    const { body } = await call(`${files}/logs`)
    return JSON.stringify(body).includes('event_refused')
  })

  // A mail service that quotes its key: once that of the operator, once that of the tenant.
  await createJob(service.url)
  await projected(
    database,
    await tell(database, [
      ...[level('v-1', 0), customer('c-1'), wishlist('w-1', 'c-1', ['v-1'])],
      level('v-1', 5),
    ]),
  )
  const sender = { api_key: secrets.ownSendgrid, from_email: 'own@example.com' }
  for (const used of [secrets.sendgrid, secrets.ownSendgrid]) {
    const errors = JSON.stringify({ errors: [{ message: `no such key: ${used}`, field: null }] })
    // The mail service alone: a webhook that still tries has no part in these secrets.
    const refusing = status(401, { 'content-type': 'application/json' }, errors)
    receiver.answer = (request, response) =>
      (request.url === '/v3/mail/send' ? refusing : status(400, {}, 'no'))(request, response)
    const run = await runNow(service.url)
    expect(run).toMatchObject({ state: 'failed', reason: expect.stringContaining('no such key') })
    answers.push(JSON.stringify(run))
    const set = { method: 'PUT', body: JSON.stringify(sender) }
    await remember(call(`${service.url}/api/v1/notification-sender`, set))
  }
  expect(receiver.received.at(-1)?.headers.authorization).toBe(`Bearer ${secrets.ownSendgrid}`)

  for (const path of ['', '/logs', '/stats', '/files']) await remember(call(files + path))
  for (const path of ['', '/logs', '/stats', '/rejected_events']) await remember(on(path, 'GET'))
  await remember(on('/_start', 'POST'))
  await service.kill('SIGTERM')
  await receiver.close()

  const all = { ...secrets, key, jwt, ownJwt, rotated: String(rotated.body['signing_secret']) }
  const outputs = {
    database: await dumpOf(database.admin.pool),
    output: service.output(),
    answers: answers.join('\n'),
  }
  expect(outputs.database).toContain('sealed:1:')
  expect(outputs.output).toContain('attempt failed')
  for (const [output, text] of Object.entries(outputs)) {
    for (const [name, value] of Object.entries(all)) {
      expect(text.includes(value), `${name} in the ${output}`).toBe(false)
    }
  }
})
