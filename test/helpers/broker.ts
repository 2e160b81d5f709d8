// A real SQS and SNS over the network, behind a front. Like AWS, the front refuses requests that
// are not signed with the right keys. It can also fail whole requests, or single messages of a
// batch.

import type http from 'node:http'
import { startFauxqs } from 'fauxqs'
import { request as send } from 'undici'
import { createBodyServer, listen } from '../../scripts/kit/listen.ts'
import { AWS_SECRET } from './known-secrets.ts'
import { faultOfSignature } from './signature.ts'

export const keys = { accessKeyId: 'AKIAMILLRACE', secretAccessKey: AWS_SECRET }

export type BrokerMessage = {
  body: string
  messageAttributes: Record<string, { DataType: string; StringValue?: string }>
  messageGroupId?: string
  messageDeduplicationId?: string
}

/** A message of a request, before it is accepted. */
type Entry = { id: string; body: string; deduplicationId: string | undefined }
type EntryFault = { code: string; isSenderFault: boolean }
type Request = { service: 'sqs' | 'sns'; entries: Entry[]; bytes: number }

export type Broker = {
  url: string
  /** Every correctly signed request. */
  requests: Request[]
  /** Answers a request instead of the broker; false: leaves it to the broker. */
  answer: (request: Request, response: http.ServerResponse) => boolean
  /** Selects single messages to refuse. */
  faultOf: (entry: Entry) => EntryFault | undefined
  createQueue(name: string, attributes?: Record<string, string>): string
  deleteQueue(name: string): void
  /** The ARN of a topic whose messages arrive unchanged in a queue of the same name. */
  createTopic(name: string): string
  deleteTopic(name: string): void
  /** The messages of a queue, in order. */
  messages(name: string): BrokerMessage[]
  close(): Promise<void>
}

export async function startBroker(): Promise<Broker> {
  const server = await startFauxqs({ port: 0, logger: false })
  const target = `http://127.0.0.1:${server.port}/`
  const front = createBodyServer((request, body, response) => {
    serve(request, body, response).catch(() => response.destroy())
  })
  const broker: Broker = {
    url: `http://127.0.0.1:${await listen(front)}`,
    requests: [],
    answer: () => false,
    faultOf: () => undefined,
    createQueue(name, attributes = {}) {
      const fifo = name.endsWith('.fifo') ? { FifoQueue: 'true' } : {}
      server.createQueue(name, { attributes: { ...fifo, ...attributes } })
      return `${broker.url}/000000000000/${name}`
    },
    deleteQueue: (name) => server.deleteQueue(name),
    createTopic(name) {
      broker.createQueue(name)
      const attributes: Record<string, string> = name.endsWith('.fifo') ? { FifoTopic: 'true' } : {}
      const { topicArn } = server.createTopic(name, { attributes })
      server.subscribe({ topic: name, queue: name, attributes: { RawMessageDelivery: 'true' } })
      return topicArn
    },
    deleteTopic: (name) => server.deleteTopic(name),
    messages: (name) => server.inspectQueue(name)?.messages.ready ?? [],
    async close() {
      front.close()
      front.closeAllConnections()
      await server.stop()
    },
  }
  return broker

  async function serve(
    { method = '', url = '', headers }: http.IncomingMessage,
    body: Buffer,
    response: http.ServerResponse,
  ): Promise<void> {
    const service = headers['x-amz-target'] ? sqs : sns
    const fault = faultOfSignature({ method, url, headers, body }, keys)
    if (fault) return fail(service, fault, response)
    const call = service.read(body.toString())
    const request = { service: service.name, entries: call.entries, bytes: body.length }
    broker.requests.push(request)
    if (broker.answer(request, response)) return
    const failed = call.entries.flatMap((entry) => {
      const entryFault = broker.faultOf(entry)
      return entryFault ? [{ ...entry, ...entryFault }] : []
    })
    const rest = call.without(failed.map(({ id }) => id))
    const { 'content-length': _, ...passed } = headers
    const answer = await send(target, { method: 'POST', headers: passed, body: rest })
    const text = await answer.body.text()
    // The broker refuses an empty batch, so its answer is made here.
    const isEmpty = failed.length > 0 && failed.length === call.entries.length
    const told = service.add(isEmpty ? service.empty : text, failed)
    const type = answer.headers['content-type'] as string
    response.writeHead(isEmpty ? 200 : answer.statusCode, { 'content-type': type }).end(told)
  }

  function fail(service: Protocol, name: string, response: http.ServerResponse): void {
    response.writeHead(403, { 'content-type': service.type }).end(service.error(name))
  }
}

/** An error of the services for a whole request. */
export const errorOf =
  (status: number, name: string, message = 'words', headers: http.OutgoingHttpHeaders = {}) =>
  ({ service }: Request, response: http.ServerResponse): boolean => {
    const { type, error } = service === 'sqs' ? sqs : sns
    response.writeHead(status, { 'content-type': type, ...headers }).end(error(name, message))
    return true
  }

type Protocol = {
  name: 'sqs' | 'sns'
  type: string
  /** The messages of a request, and the request without some of them. */
  read(body: string): { entries: Entry[]; without(ids: string[]): string }
  empty: string
  /** Adds these failures to an answer. */
  add(answer: string, failed: (Entry & EntryFault)[]): string
  error(name: string, message?: string): string
}

const sqs: Protocol = {
  name: 'sqs',
  type: 'application/x-amz-json-1.0',
  read(body) {
    const input = JSON.parse(body)
    type SqsEntry = { Id: string; MessageBody: string; MessageDeduplicationId?: string }
    const all: SqsEntry[] = input.Entries ?? []
    return {
      entries: all.map(({ Id: id, MessageBody, MessageDeduplicationId: deduplicationId }) => ({
        id,
        body: MessageBody,
        deduplicationId,
      })),
      without: (ids) =>
        JSON.stringify({ ...input, Entries: all.filter(({ Id }) => !ids.includes(Id)) }),
    }
  },
  empty: '{}',
  add(answer, failed) {
    if (failed.length === 0) return answer
    const entries = failed.map(({ id: Id, code: Code, isSenderFault: SenderFault }) => ({
      Id,
      Code,
      SenderFault,
      Message: 'words',
    }))
    return JSON.stringify({ ...JSON.parse(answer), Failed: entries })
  },
  error: (name, message = 'words') =>
    JSON.stringify({ __type: `com.amazonaws.sqs#${name}`, message }),
}

const MEMBER = 'PublishBatchRequestEntries.member.'

const sns: Protocol = {
  name: 'sns',
  type: 'text/xml',
  read(body) {
    const form = new URLSearchParams(body)
    const numbers = [...form.keys()].flatMap((key) =>
      key.startsWith(MEMBER) && key.endsWith('.Id') ? [key.slice(MEMBER.length, -3)] : [],
    )
    const read = (number: string, field: string) => form.get(`${MEMBER}${number}.${field}`)
    return {
      entries: numbers.map((number) => ({
        id: read(number, 'Id') ?? '',
        body: read(number, 'Message') ?? '',
        deduplicationId: read(number, 'MessageDeduplicationId') ?? undefined,
      })),
      without(ids) {
        const rest = new URLSearchParams(form)
        const gone = numbers.filter((number) => ids.includes(read(number, 'Id') ?? ''))
        for (const key of [...rest.keys()]) {
          if (gone.some((number) => key.startsWith(`${MEMBER}${number}.`))) rest.delete(key)
        }
        return rest.toString()
      },
    }
  },
  empty:
    '<PublishBatchResponse><PublishBatchResult><Successful></Successful><Failed></Failed>' +
    '</PublishBatchResult></PublishBatchResponse>',
  add(answer, failed) {
    const members = failed.map(
      ({ id, code, isSenderFault }) =>
        `<member><Id>${id}</Id><Code>${code}</Code>` +
        `<SenderFault>${isSenderFault}</SenderFault></member>`,
    )
    return answer.replace('<Failed></Failed>', `<Failed>${members.join('')}</Failed>`)
  },
  error: (name, message = 'words') =>
    `<ErrorResponse><Error><Type>Sender</Type><Code>${name}</Code>` +
    `<Message>${message}</Message></Error></ErrorResponse>`,
}
