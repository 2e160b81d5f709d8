// Messages in an SQS queue, ten in a request. Without an endpoint, requests go to the host of the
// queue's URL. A tenant chooses that, so aws-guard.ts guards it.

import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs'
import type { Destination } from './destination.ts'
import {
  clientConfig,
  createQueue,
  entryErrors,
  type QueueConnections,
  type QueueOptions,
  type SendRequest,
} from './queue.ts'

/** For a message, and for all messages of a request together. */
const MAX_BYTES = 1_048_576

type SqsOptions = QueueOptions & { queueUrl: string }

/** A destination that sends to a queue. Its owner shares and closes `connections`. */
export function createSqs(connections: QueueConnections, options: SqsOptions): Destination {
  const { queueUrl: QueueUrl } = options
  const { origin, pathname } = new URL(QueueUrl)
  const endpoint = options.endpoint ?? origin
  const client = new SQSClient({ ...clientConfig(connections, options), endpoint })
  const sendRequest: SendRequest = async (messages, abortSignal) => {
    const Entries = messages.map(({ body, attributes, ids }, i) => ({
      Id: String(i),
      MessageBody: body,
      MessageAttributes: attributes,
      ...ids,
    }))
    const command = new SendMessageBatchCommand({ QueueUrl, Entries })
    return entryErrors(messages.length, await client.send(command, { abortSignal }))
  }
  return createQueue(
    connections,
    {
      client,
      endpoint,
      maxBytes: MAX_BYTES,
      address: `the SQS queue ${origin}${pathname}`,
      isFifo: pathname.endsWith('.fifo'),
      send: sendRequest,
    },
    options,
  )
}
