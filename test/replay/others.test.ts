// Replays to targets that are no webhooks: files, and the queues of subscriptions.

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { publish } from '../../scripts/kit/client.ts'
import { type Store, s3Parameters, startStore, storeKinds } from '../../scripts/kit/store.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { listFiles } from '../helpers/files.ts'
import { api, useService } from '../helpers/service.ts'
import { useSubscriptions } from '../helpers/subscriptions.ts'

const database = useDatabase()
let store: Store
beforeAll(async () => {
  store = await startStore(storeKinds[0] as (typeof storeKinds)[number])
})
afterAll(() => store.close())
const service = useService('start', database, () => ({
  MILLRACE_S3_WINDOW_MS: '500',
  MILLRACE_SWEEP_MS: '100',
}))
const stage = useSubscriptions()
const range = { from: new Date(Date.now() - 60_000).toISOString(), to: '2099-01-01T00:00:00Z' }

it('writes files of its own to the bucket, under its filter', async () => {
  const tenant = `t-${randomUUID().slice(0, 8)}`
  await store.createBucket(tenant)
  const { ask } = api(service, tenant)
  const path = '/api/v1/org/integrations/eventstream'
  const s3_parameters = s3Parameters(store.endpoint, tenant, {})
  await ask('POST', path, { id: 'files', integration_type: 'permanent', s3_parameters })
  for (const name of ['order.created', 'invoice.created', 'order.opened']) {
    await publish(service.url, { name, key: randomUUID(), payload: '{}', tenant })
  }
  const written = (count: number) =>
    until(`${count} events are in files`, async () => {
      const files = await listFiles(service.url, 'files', { tenant })
      return files.reduce((sum, file) => sum + file.count, 0) === count && files
    })
  await written(3)
  const replays = `${path}/files/replays`
  expect(await ask('POST', replays, { ...range, rate: 5 })).toMatchObject({
    status: 400,
    body: { message: 'rate is for single events: the integration gets files.' },
  })
  const filter_conditions = { entity_filter: ['order'] }
  expect((await ask('POST', replays, { ...range, filter_conditions })).body).toMatchObject({
    total: 2,
  })
  const [file] = await written(5)
  expect(file).toMatchObject({ count: 2 })
  const { body } = await store.read(tenant, String(file?.key))
  const names = body
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).name)
  expect(names).toEqual(['order.created', 'order.opened'])
  await until('it is completed', async () => {
    const replay = (await ask('GET', `${replays}/1`)).body
    return replay['state'] === 'completed' && replay['delivered'] === 2
  })
})

it('sends the messages of a subscription again, under the filter that it has', async () => {
  await stage.subscribe('again', { entityType: 'ORDER' })
  await stage.send('order.created', 'o-1')
  await stage.send('customer.created', 'c-1')
  await stage.arrived('again', 1)
  const start = (more: object) => stage.request('POST', '/again/replays', { ...range, ...more })
  const filter_conditions = { entity_filter: ['customer'] }
  expect(await start({ filter_conditions })).toMatchObject({
    status: 400,
    body: { message: expect.stringMatching(/^filter_conditions is for integrations only/) },
  })
  expect((await start({})).body).toMatchObject({ number: 1, total: 1 })
  await stage.arrived('again', 2)
  expect(stage.bodies('again').map(({ id }) => id)).toEqual(['o-1', 'o-1'])
})
