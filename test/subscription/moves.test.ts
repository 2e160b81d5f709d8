// A stored key of a subscription stays with the origin that it was given for.

import { expect, it } from 'vitest'
import { aSubscription, collector, SUBSCRIPTIONS } from '../../scripts/kit/collector.ts'
import { useDatabase } from '../helpers/database.ts'
import { useService } from '../helpers/service.ts'

const database = useDatabase()
const service = useService('serve', database)

const post = (body: unknown) => collector(service.url + SUBSCRIPTIONS, 'POST', body)
const put = (body: unknown) => collector(service.url + SUBSCRIPTIONS, 'PUT', body)
async function document(): Promise<unknown> {
  return (await database.pool.query('select document from consumer')).rows
}
const { sqs } = aSubscription().destination

it('a subscription that moves to another origin names its keys anew', async () => {
  await post(aSubscription())
  const before = await document()
  const arn = 'arn:aws:sns:eu-west-1:000000000000:customers'
  const sns = { topicArn: arn, region: 'eu-west-1' }
  const keys = { accessKey: 'AKIANEW', accessSecret: 'new-secret' }
  const masked = { accessKey: '***', accessSecret: '***' }
  const kept = { accessKey: undefined, accessSecret: undefined }
  const moves = [
    [{ sqs: { ...sqs, ...masked, queueUrl: 'http://127.0.0.1:8/0/customers' }, type: 'SQS' }, 2],
    [{ sqs: { ...sqs, ...kept, queueUrl: 'https://127.0.0.1:9/0/customers' }, type: 'SQS' }, 2],
    [{ sqs: { ...sqs, ...kept, endpoint: 'http://127.0.0.1:8/' }, type: 'SQS' }, 2],
    [{ sqs: { ...sqs, ...kept, accessKey: 'AKIANEW', queueUrl: 'customers' }, type: 'SQS' }, 1],
    [{ sqs: { ...sqs, ...kept, queueUrl: arn }, type: 'SNS' }, 2],
    [{ sns: { ...sns, ...masked }, type: 'SNS' }, 2],
    [{ sns, type: 'SNS' }, 2],
  ] as const
  for (const [destination, count] of moves) {
    const { status, body } = await put(aSubscription({ destination }))
    const asked = String(body['message']).match(/\.access(Key|Secret) must be set anew/g)
    expect({ status, asked: asked?.length }).toEqual({ status: 400, asked: count })
  }
  expect(await document()).toEqual(before)
  const sameOrigin = { ...sqs, ...kept, endpoint: 'http://127.0.0.1:9/other' }
  const stays = aSubscription({ destination: { sqs: sameOrigin, type: 'SQS' } })
  expect((await put(stays)).status).toBe(201)
  const named = aSubscription({ destination: { sns: { ...sns, ...keys }, type: 'SNS' } })
  expect(await put(named)).toMatchObject({
    status: 201,
    body: { destination: { sns: { ...sns, accessKey: '***' }, type: 'SNS' } },
  })
})
