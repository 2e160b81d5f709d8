// The ceiling of messages to a queue, in a process of its own: a bare loop of SendMessageBatch with
// prepared messages, ten in a request, so many requests at once, with no database and no order.

import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs'
import { messageOf } from '../../src/destination/message.ts'
import { timeOf } from '../../src/log/position.ts'
import { serveCalls } from '../kit/remote.ts'
import { newEvents, positionNow } from './events.ts'

const PREPARED = 5_000
const REQUEST_MESSAGES = 10

export type BareQueueLoad = { endpoint: string; queueUrl: string; requests: number; events: number }

const position = positionNow()
const entries = newEvents(PREPARED, { entities: PREPARED }).map((event, i) => {
  const logged = { ...event, position: position + i, payload: event.payload.toString() }
  const { body, attributes } = messageOf({ ...logged, publishedAt: timeOf(position + i) })
  return { MessageBody: body, MessageAttributes: attributes }
})

serveCalls({
  ping: () => {},
  /** Sends so many messages, and says how many were taken. */
  async send({ endpoint, queueUrl: QueueUrl, requests, events }: BareQueueLoad): Promise<number> {
    const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' }
    const client = new SQSClient({ region: 'us-east-1', endpoint, credentials })
    let next = 0
    let taken = 0
    const loop = async () => {
      while (next < events) {
        const from = next
        next += REQUEST_MESSAGES
        const Entries = Array.from({ length: REQUEST_MESSAGES }, (_, i) => ({
          Id: String(i),
          ...(entries[(from + i) % PREPARED] as (typeof entries)[number]),
        }))
        const answer = await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }))
        taken += answer.Successful?.length ?? 0
      }
    }
    await Promise.all(Array.from({ length: requests }, loop))
    client.destroy()
    return taken
  },
})
