// Messages to an SNS topic, ten in a request.

import { PublishBatchCommand, SNSClient } from '@aws-sdk/client-sns'
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
const MAX_BYTES = 262_144

type SnsOptions = QueueOptions & { topicArn: string }

/** A destination that publishes to a topic. Its owner shares and closes `connections`. */
export function createSns(connections: QueueConnections, options: SnsOptions): Destination {
  const { topicArn: TopicArn, endpoint } = options
  const at = endpoint === undefined ? {} : { endpoint }
  const client = new SNSClient({ ...clientConfig(connections, options), ...at })
  const sendRequest: SendRequest = async (messages, abortSignal) => {
    const PublishBatchRequestEntries = messages.map(({ body, attributes, ids }, i) => ({
      Id: String(i),
      Message: body,
      MessageAttributes: attributes,
      ...ids,
    }))
    const command = new PublishBatchCommand({ TopicArn, PublishBatchRequestEntries })
    return entryErrors(messages.length, await client.send(command, { abortSignal }))
  }
  return createQueue(
    connections,
    {
      client,
      endpoint,
      maxBytes: MAX_BYTES,
      address: `the SNS topic ${TopicArn}`,
      isFifo: TopicArn.endsWith('.fifo'),
      send: sendRequest,
    },
    options,
  )
}
