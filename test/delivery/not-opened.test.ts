// What becomes of a delivery whose stored secrets no key opens, for each kind of target: a failure
// with that reason, never an error that nobody sees.

import { expect, it } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { createDestinations } from '../../src/delivery/destinations.ts'
import { createStores } from '../../src/delivery/files/stores.ts'
import { sendOne } from '../../src/destination/destination.ts'
import { createMailers } from '../../src/notification/sender/mailers.ts'
import { changeSender, sealSender } from '../../src/notification/sender/sender.ts'
import { createSecretBox } from '../../src/sealing/secret.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()
const [old, secrets] = ['1a', '2b'].map((byte) => createSecretBox(byte.repeat(32))) as [
  ReturnType<typeof createSecretBox>,
  ReturnType<typeof createSecretBox>,
]
const sealed = old.seal('dodici', 'a-secret')
const config = readConfig({})
const reason = 'A stored secret was sealed with another MILLRACE_SECRET_KEY.'
const event = {
  tenant: 'dodici',
  position: 1,
  name: 'order.created',
  entityId: 'o',
  payload: '{}',
  idempotencyKey: 'k',
  publishedAt: '2026-01-01T00:00:00Z',
  traceparent: null,
}

const integration = { integration_type: 'permanent' } as const
const sqs = {
  accessKey: sealed,
  accessSecret: sealed,
  region: 'r-1',
  queueUrl: 'http://a.example/q',
}
const flags = { subscribeChange: true, subscribeCreate: true, subscribeDelete: true }
const webhook = { callback_url: 'http://a.example/', api_key: sealed }
const s3 = { aws_access_key_id: sealed, aws_secret_access_key: sealed }

it.each([
  { kind: 'integration', document: { ...integration, callback_parameters: webhook } },
  {
    kind: 'subscription',
    document: { destination: { type: 'SQS', sqs }, entityType: 'ORDER', ...flags },
  },
] as const)('a $kind fails with the reason, to be tried again', async (configuration) => {
  const destinations = createDestinations(config, secrets)
  const outcome = await sendOne(await destinations.of('dodici', configuration), event)
  expect(outcome).toEqual({ kind: 'unavailable', reason })
  await destinations.close()
})

it('a file fails with the reason, to be tried again', async () => {
  const s3_parameters = { ...s3, aws_region: 'r-1', bucket: 'bucket' }
  const store = await createStores(config, secrets)('dodici', { ...integration, s3_parameters })
  const maySend = () => true
  expect(await store.discard('key', { uploadId: null, maySend })).toEqual({
    kind: 'unavailable',
    reason,
  })
  store.close()
})

it('a run of a notification job fails with the reason', async () => {
  const own = { api_key: 'SG.key', from_email: 'shop@example.com' }
  const change = { actor: 'test', reason: 'Set.' }
  const sealing = { secrets: old, stored: undefined, ownUrl: 'http://127.0.0.1:9/' }
  await changeSender(database.kysely, 'dodici', sealSender('dodici', own, sealing), change)
  const mailers = createMailers(config, { db: database.kysely, secrets })
  expect(await mailers.of('dodici')).toEqual({ missing: reason })
  await mailers.close()
})
