// The common part of SQS and SNS: single events leave in requests of up to ten, each with its own
// result. Several requests are in flight at once. So callers keep an entity's order: they send one
// event of it at a time. Queues and topics with names in `.fifo` get a group (the entity) and a
// deduplication id, which is the same at each send. So a resend within five minutes makes no second
// message.

import type { SNSClient } from '@aws-sdk/client-sns'
import type { SQSClient, SQSClientConfig } from '@aws-sdk/client-sqs'
import {
  type Agents,
  boundAnswers,
  CONNECT_TIMEOUT_MS,
  type Credentials,
  createAgents,
  createKeyMask,
  Halted,
  refusalOfTarget,
} from './aws-guard.ts'
import { createBatches } from './batch.ts'
import type { Destination, Failure, Outcome } from './destination.ts'
import type { Mask } from './mask.ts'
import { type Message, messageOf } from './message.ts'
import { type EntryError, judgeEntryError, judgeRequestError } from './queue-error.ts'

/**
 * The best number of events of one consumer in flight: all requests are full, and enough events
 * wait to fill the next ones. With fewer, requests leave half empty.
 */
export const QUEUE_IN_FLIGHT = 200

const REQUEST_MESSAGES = 10
const REQUESTS_IN_FLIGHT = 10
const PAUSE_MS = 50

/** The connections of a process to queues and topics, shared by its destinations. */
export type QueueConnections = Agents & {
  readonly isClosed: boolean
  /** Cuts off requests in flight and refuses new ones. */
  close(): void
}

export function createQueueConnections(options: {
  allowPrivateTargets: boolean
}): QueueConnections {
  const agents = createAgents(options)
  let isClosed = false
  return {
    ...agents,
    get isClosed() {
      return isClosed
    },
    close() {
      isClosed = true
      agents.httpAgent.destroy()
      agents.httpsAgent.destroy()
    },
  }
}

export type QueueOptions = {
  region: string
  /** Undefined: the credentials of the machine's environment. */
  credentials: Credentials | undefined
  endpoint?: string | undefined
  /** For one request, its second try included. */
  timeoutMs: number
  allowPrivateTargets: boolean
  allowDefaultCredentials: boolean
}

/** The part of a client's configuration that both services share. */
export function clientConfig(connections: QueueConnections, options: QueueOptions) {
  const { region, credentials, timeoutMs } = options
  const { httpAgent, httpsAgent } = connections
  return {
    region,
    ...(credentials ? { credentials } : {}),
    retryStrategy: retryOnce,
    maxAttempts: 2,
    requestHandler: {
      httpAgent,
      httpsAgent,
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: timeoutMs,
      throwOnRequestTimeout: true,
    },
  }
}

type RetryStrategy = Exclude<NonNullable<SQSClientConfig['retryStrategy']>, { retry: unknown }>
type RetryToken = Awaited<ReturnType<RetryStrategy['acquireInitialRetryToken']>>

/**
 * One more try, soon, for a connection that was closed just now, or a wrong clock. A throttling
 * target is not retried here.
 */
const retryOnce: RetryStrategy = {
  acquireInitialRetryToken: async () => retryToken(0),
  async refreshRetryTokenForRetry(token, { errorType, error }) {
    if (errorType !== 'TRANSIENT' || token.getRetryCount() > 0) throw error
    return retryToken(1)
  },
  recordSuccess() {},
}

function retryToken(count: number): RetryToken {
  const delay = count * Math.random() * PAUSE_MS
  return { getRetryCount: () => count, getRetryDelay: () => delay }
}

type QueueService = {
  client: SQSClient | SNSClient
  /** "the SQS queue https://…" */
  address: string
  isFifo: boolean
  /** The URL for requests; undefined for AWS's own. */
  endpoint: string | undefined
  /** The limit of a message, and of all messages of a request together. */
  maxBytes: number
  /** Sends one request; returns the errors of refused messages, by their index. */
  send: SendRequest
}

export type SendRequest = (
  messages: QueuedMessage[],
  abortSignal: AbortSignal,
) => Promise<Map<number, EntryError>>

/** A message with the ids that only FIFO queues and topics accept. */
type QueuedMessage = Pick<Message, 'body' | 'attributes'> & {
  ids: { MessageGroupId?: string; MessageDeduplicationId?: string }
}

/** For our own words, which hold no secret. */
const asItIs: Mask = (text) => text

/** A destination that sends to a queue or a topic, over `connections`. */
export function createQueue(
  connections: QueueConnections,
  service: QueueService,
  options: QueueOptions,
): Destination {
  const { timeoutMs, credentials } = options
  const { address, maxBytes, isFifo } = service
  const keyMask = createKeyMask(service.client, credentials)
  const refusal = refusalOfTarget(service.endpoint, options)
  // Of the turn that sends: a destination belongs to one. Asked before each request, the resends
  // of a batch and of the SDK among them.
  let mayStillSend = () => true
  const maySendNow = () => !connections.isClosed && mayStillSend()
  boundAnswers(service.client, { maySend: maySendNow, timeoutMs })
  const sendInBatch = createBatches<Message, Outcome>({
    maxItems: REQUEST_MESSAGES,
    maxBytes,
    maxInFlight: REQUESTS_IN_FLIGHT,
    bytesOf: ({ bytes }) => bytes,
    send: sendMessages,
  })

  const failed = <Failed extends Failure>(failure: Failed, mask: Mask) =>
    failedAt(address, failure, mask)
  const halted = { ...unavailable('nothing may be sent any more'), isHalted: true } as const

  return {
    send(event, settled, maySend) {
      if (maySend) mayStillSend = maySend
      if (refusal) return settled(failed(judgeRequestError(refusal), asItIs))
      const message = messageOf(event)
      if (message.bytes <= maxBytes) return void sendInBatch(message).then(settled)
      const reason = `it has ${message.bytes} bytes with its attributes, of at most ${maxBytes}`
      settled(failed({ kind: 'rejected', status: 413, reason, response: '' }, asItIs))
    },
  }

  async function sendMessages(messages: Message[]): Promise<Outcome[]> {
    const outcome = await request(messages)
    if (Array.isArray(outcome)) return outcome
    // One message is at fault; send each alone, so that the others do not suffer for it.
    if (outcome.kind === 'rejected' && messages.length > 1) {
      return (await Promise.all(messages.map((message) => sendMessages([message])))).flat()
    }
    return messages.map(() => outcome)
  }

  async function request(messages: Message[]): Promise<Outcome[] | Failure> {
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(), timeoutMs)
    try {
      const errors = await service.send(messages.map(isFifo ? inOrder : asItCame), deadline.signal)
      const mask = errors.size > 0 ? await keyMask() : asItIs
      return messages.map((_, i) => {
        const error = errors.get(i)
        return error ? failed(judgeEntryError(error), mask) : { kind: 'delivered', status: 200 }
      })
    } catch (error) {
      if (deadline.signal.aborted) return unavailable(`no complete answer within ${timeoutMs} ms`)
      if (error instanceof Halted) return halted
      return failed(judgeRequestError(error), await keyMask())
    } finally {
      clearTimeout(timer)
    }
  }

  function unavailable(reason: string): Failure {
    return failed({ kind: 'unavailable', reason }, asItIs)
  }
}

function inOrder({ body, attributes, groupId, deduplicationId }: Message): QueuedMessage {
  const ids = { MessageGroupId: groupId, MessageDeduplicationId: deduplicationId }
  return { body, attributes, ids }
}

const asItCame = ({ body, attributes }: Message): QueuedMessage => ({ body, attributes, ids: {} })

/** Adds the address to the reason, and masks secrets. */
function failedAt<Failed extends Failure>(address: string, failure: Failed, mask: Mask): Failed {
  const { reason, response } = failure
  return {
    ...failure,
    reason: `Message to ${address} failed. Reason: ${mask(reason)}`,
    ...(response === undefined ? {} : { response: mask(response) }),
  }
}

/** The errors in an answer to a batch; the ids of its messages are their indexes. */
export function entryErrors(
  count: number,
  answer: {
    Successful?: { Id?: string | undefined }[] | undefined
    Failed?:
      | {
          Id?: string | undefined
          Code?: string | undefined
          Message?: string | undefined
          SenderFault?: boolean | undefined
        }[]
      | undefined
  },
): Map<number, EntryError> {
  const errors = new Map<number, EntryError>()
  const taken = new Set(answer.Successful?.map(({ Id }) => Id))
  const failed = new Map(answer.Failed?.map((entry) => [entry.Id, entry]))
  for (let i = 0; i < count; i++) {
    const entry = failed.get(String(i))
    if (!entry && taken.has(String(i))) continue
    errors.set(i, {
      code: entry?.Code ?? '',
      message: entry ? (entry.Message ?? '') : 'the answer does not mention this message',
      isSenderFault: entry?.SenderFault ?? false,
    })
  }
  return errors
}
