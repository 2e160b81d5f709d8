// Targets of every kind for single events, each with its destination, under one set of names: so
// one suite can check the contract of destinations for all of them.

import type { ServerResponse } from 'node:http'
import { ok, payloadOf, startReceiver, status } from '../../scripts/kit/receiver.ts'
import { createConnections } from '../../src/destination/connections.ts'
import type { Destination } from '../../src/destination/destination.ts'
import { createQueueConnections } from '../../src/destination/queue.ts'
import { createSns } from '../../src/destination/sns.ts'
import { createSqs } from '../../src/destination/sqs.ts'
import { createWebhook } from '../../src/destination/webhook.ts'
import { type BrokerMessage, errorOf, keys, startBroker } from './broker.ts'

/** What a target does with a request, other than to take its event. */
const faults: Record<string, (response: ServerResponse) => void> = {
  reset: (response) => response.socket?.resetAndDestroy(),
  silence: () => {},
  'half an answer': (response) => {
    response.writeHead(200, { 'content-length': '10' })
    response.write('half', () => response.socket?.destroy())
  },
  'an answer without end': endless,
  'an answer that takes for ever': (response) => {
    response.writeHead(200)
    const timer = setInterval(() => response.write(' '), 20)
    response.on('close', () => clearInterval(timer))
  },
  'something else': (response) => response.socket?.end('SSH-2.0-x\r\n'),
}

export const faultNames = Object.keys(faults)

type Options = { timeoutMs?: number; allowPrivateTargets?: boolean; wrongSecret?: boolean }

export type Target = {
  open(options?: Options): Destination
  /** Payloads that were taken, in their order. */
  received(): string[]
  requests(): number
  behave(how: 'well' | 'rejecting' | 'refusing' | 'failing' | 'throttling'): void
  fault(name: string): void
  /** What the target says next, with an error. */
  say(text: string): void
  /** As at the end of the process. */
  halt(): void
  close(): Promise<void>
}

export const targetKinds: Record<string, () => Promise<Target>> = {
  webhook: startWebhookTarget,
  'SQS queue': () => startQueueTarget('queue'),
  'SQS FIFO queue': () => startQueueTarget('queue.fifo'),
  'SNS topic': () => startQueueTarget('topic', 'topic'),
  'SNS FIFO topic': () => startQueueTarget('topic.fifo', 'topic'),
}

async function startWebhookTarget(): Promise<Target> {
  const receiver = await startReceiver()
  const connections = createConnections({ allowPrivateTargets: true })
  const guarded = createConnections({ allowPrivateTargets: false })
  const answers = {
    well: ok,
    rejecting: status(400),
    refusing: status(403),
    failing: status(500),
    throttling: status(429, { 'retry-after': '3' }),
  }
  const taken: string[] = []
  receiver.answer = take
  return {
    open({ timeoutMs = 5_000, allowPrivateTargets = true, wrongSecret = false } = {}) {
      return createWebhook(allowPrivateTargets ? connections : guarded, {
        url: receiver.url,
        apiKey: wrongSecret ? 'another' : keys.secretAccessKey,
        timeoutMs,
        allowPrivateTargets,
        responseBytes: 65_536,
        storedResponse: 512,
      })
    },
    received: () => taken,
    requests: () => receiver.received.length,
    behave(how) {
      receiver.answer = how === 'well' ? take : answers[how]
    },
    fault(name) {
      receiver.answer = (_, response) => faults[name]?.(response)
    },
    say(text) {
      receiver.answer = status(500, {}, text)
    },
    halt: () => void connections.close(),
    async close() {
      await Promise.all([connections.close(), guarded.close()])
      await receiver.close()
    },
  }

  function take(...[request, response]: Parameters<typeof ok>): void {
    if (request.headers.authorization !== `Bearer ${keys.secretAccessKey}`) {
      response.writeHead(403).end()
      return
    }
    taken.push(payloadOf(request).toString())
    response.end()
  }
}

async function startQueueTarget(name: string, kind?: 'topic'): Promise<Target> {
  const broker = await startBroker()
  const address = kind ? broker.createTopic(name) : broker.createQueue(name)
  const connections = createQueueConnections({ allowPrivateTargets: true })
  const guarded = createQueueConnections({ allowPrivateTargets: false })
  return {
    open({ timeoutMs = 5_000, allowPrivateTargets = true, wrongSecret = false } = {}) {
      const secretAccessKey = wrongSecret ? 'another' : keys.secretAccessKey
      const options = {
        region: 'us-east-1',
        endpoint: broker.url,
        timeoutMs,
        allowPrivateTargets,
        credentials: { ...keys, secretAccessKey },
        allowDefaultCredentials: false,
      }
      const over = allowPrivateTargets ? connections : guarded
      return kind
        ? createSns(over, { ...options, topicArn: address })
        : createSqs(over, { ...options, queueUrl: address })
    },
    received: () => broker.messages(name).map(payloadOfMessage),
    requests: () => broker.requests.length,
    behave(how) {
      broker.answer =
        how === 'failing'
          ? errorOf(500, 'InternalError')
          : how === 'throttling'
            ? errorOf(400, 'ThrottlingException', 'words', { 'retry-after': '3' })
            : how === 'refusing'
              ? errorOf(403, 'AccessDenied')
              : () => false
      broker.faultOf = () =>
        how === 'rejecting' ? { code: 'InvalidMessageContents', isSenderFault: true } : undefined
    },
    fault(fault) {
      broker.answer = (_, response) => {
        faults[fault]?.(response)
        return true
      }
    },
    say(text) {
      broker.answer = errorOf(500, 'InternalError', text)
    },
    halt: () => connections.close(),
    async close() {
      connections.close()
      guarded.close()
      await broker.close()
    },
  }
}

/** The payload of an event of the gateway, in its message. */
export function payloadOfMessage({ body }: Pick<BrokerMessage, 'body'>): string {
  const { base64_encoded_payload_json } = JSON.parse(body).event_payload
  return Buffer.from(base64_encoded_payload_json, 'base64').toString()
}

function endless(response: ServerResponse): void {
  while (response.write('x'.repeat(65_536)));
  response.once('drain', () => endless(response))
}
