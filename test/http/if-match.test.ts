// Changes that name the version they are meant for: nobody's change is overwritten unseen.

import { beforeAll, describe, expect, it } from 'vitest'
import { EVENTSTREAM } from '../../scripts/kit/client.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'

const database = useDatabase()
const service = useService('start', database)
const receiver = useReceiver()
const { ask } = api(service)

const SUBSCRIPTIONS = '/api/v1/event-subscription'
const JOBS = '/api/v1/jobs'
const sqs = {
  accessKey: 'key',
  accessSecret: 'secret',
  region: 'eu-central-1',
  queueUrl: 'http://127.0.0.1:1/q',
}
const crm = { id: 'crm', entityType: 'CUSTOMER', destination: { type: 'SQS', sqs } }
const job = { id: 'mail', notification: 'BACK_IN_STOCK', schedule: '0 9 * * *', template_id: 'd-1' }

beforeAll(async () => {
  const callback_parameters = { callback_url: receiver.url }
  const erp = { id: 'erp', integration_type: 'permanent', callback_parameters }
  expect((await ask('POST', EVENTSTREAM, erp)).status).toBe(200)
  expect((await ask('POST', SUBSCRIPTIONS, crm)).status).toBe(201)
  expect((await ask('POST', JOBS, job)).status).toBe(201)
})

const resources = {
  subscription: {
    one: `${SUBSCRIPTIONS}/crm`,
    changed: (n: number) => ({ ...crm, subscribeCreate: n % 2 === 0, entityType: `TYPE_${n}` }),
    put: SUBSCRIPTIONS,
  },
  job: {
    one: `${JOBS}/mail`,
    changed: (n: number) => ({ template_id: `d-${n}` }),
    put: `${JOBS}/mail`,
  },
}

const etagOf = async (path: string) => String((await ask('GET', path)).headers['etag'])
const match = (etag: string) => ({ 'if-match': etag })

describe.each(Object.entries(resources))('a %s', (_, { one, put, changed }) => {
  it('is changed if the version is the named one, and shows the next', async () => {
    const etag = await etagOf(one)
    const first = await ask('PUT', put, changed(1), match(etag))
    expect(first.status).toBeLessThan(300)
    expect(first.headers['etag']).not.toBe(etag)
    expect(first.headers['etag']).toBe(await etagOf(one))
    const { body } = await ask('GET', one)
    expect(await ask('PUT', put, changed(2), match(etag))).toMatchObject({
      status: 412,
      body: { error_code: 'precondition_failed' },
    })
    expect((await ask('GET', one)).body).toEqual(body)
  })
  it('lets one of several changes win', async () => {
    for (let round = 0; round < 5; round++) {
      const named = match(await etagOf(one))
      const replies = await Promise.all(
        [0, 1, 2].map((n) => ask('PUT', put, changed(10 * round + n), named)),
      )
      expect(replies.filter(({ status }) => status === 412)).toHaveLength(2)
    }
  })
})

describe('an integration', () => {
  const one = `${EVENTSTREAM}/erp`
  it('is stopped, changed and deleted only if the version is the named one', async () => {
    const running = await etagOf(one)
    expect((await ask('POST', `${one}/_stop`, undefined, match('"0"'))).status).toBe(412)
    expect((await ask('GET', one)).body['status']).toBe('running')
    const stopped = await ask('POST', `${one}/_stop`, undefined, match(running))
    expect(stopped).toMatchObject({ status: 200, body: { status: 'stopped' } })
    expect(stopped.headers['etag']).not.toBe(running)
    expect((await ask('DELETE', one, undefined, match(running))).status).toBe(412)
    const etag = String(stopped.headers['etag'])
    expect((await ask('DELETE', one, undefined, match(etag))).status).toBe(200)
    expect((await ask('GET', one)).status).toBe(404)
  })
})

it('deactivates a subscription in one change that names its version', async () => {
  const { one, put } = resources.subscription
  const inactive = { ...crm, active: false }
  const reply = await ask('PUT', put, inactive, match(await etagOf(one)))
  expect(reply).toMatchObject({ status: 201, body: { active: false } })
})

it.each([resources.subscription.one, resources.job.one])('deletes %s likewise', async (one) => {
  expect((await ask('DELETE', one, undefined, match('"0"'))).status).toBe(412)
  expect((await ask('DELETE', one, undefined, match(await etagOf(one)))).status).toBe(204)
})
