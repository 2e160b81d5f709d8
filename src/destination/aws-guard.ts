// A guard between the AWS SDK and a target that a tenant has chosen. The rules for callback URLs
// apply (address.ts). No request leaves after a halt, including the SDK's own retries. At most a
// MiB of an answer is read, in bounded time.

import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { Readable } from 'node:stream'
import type { S3Client } from '@aws-sdk/client-s3'
import type { SNSClient } from '@aws-sdk/client-sns'
import type { SQSClient } from '@aws-sdk/client-sqs'
import { limits } from '../config.ts'
import { hostOf, isPublicAddress, lookupFor, notPublic } from './address.ts'
import { createMask, type Mask } from './mask.ts'
import { afterRest } from './rest.ts'

export const CONNECT_TIMEOUT_MS = 10_000
const ANSWER_BYTES = 1024 * 1024

export type Credentials = { accessKeyId: string; secretAccessKey: string }

/**
 * Returns a function that gives the mask of a client's credentials: the tenant's keys, or, if
 * `credentials` are undefined, those that the operator currently provides.
 */
export function createKeyMask(
  client: S3Client | SQSClient | SNSClient,
  credentials: Credentials | undefined,
): () => Promise<Mask> {
  const maskOf = (keys: (Credentials & { sessionToken?: string | undefined }) | undefined) =>
    createMask(
      [keys?.accessKeyId, keys?.secretAccessKey, keys?.sessionToken],
      limits.storedResponse,
    )
  const own = credentials && maskOf(credentials)
  return async () => {
    if (own) return own
    // The SDK caches them. Without credentials no request has left, so nothing needs to be hidden.
    return maskOf(await client.config.credentials().catch(() => undefined))
  }
}

/** Connections to targets. They refuse a name that resolves to a private address. */
export type Agents = { httpAgent: http.Agent; httpsAgent: https.Agent }

export function createAgents(options: { allowPrivateTargets: boolean }): Agents {
  const common = { keepAlive: true, lookup: lookupFor(options) }
  const [httpAgent, httpsAgent] = [new http.Agent(common), new https.Agent(common)]
  letRest(httpAgent)
  letRest(httpsAgent)
  return { httpAgent, httpsAgent }
}

/**
 * Lets each connection rest after an answer, as connections.ts does. If the other side closes it
 * silently, that shows before the next request is written. The agent still owns the connection:
 * Node destroys it on any unexpected data.
 */
function letRest(agent: http.Agent): void {
  const idle = agent.freeSockets as Record<string, net.Socket[]>
  const resting = new Set<net.Socket>()
  // Node's own listener has already put it among the idle ones, or destroyed it.
  agent.on('free', (socket: net.Socket, options: Parameters<http.Agent['getName']>[0]) => {
    const name = agent.getName(options)
    const at = idle[name]?.indexOf(socket) ?? -1
    if (at === -1) return
    idle[name]?.splice(at, 1)
    if (idle[name]?.length === 0) delete idle[name]
    resting.add(socket)
    afterRest(() => {
      resting.delete(socket)
      if (socket.destroyed) return
      idle[name] ??= []
      idle[name].push(socket)
    })
  })
  const destroy = agent.destroy.bind(agent)
  agent.destroy = () => {
    for (const socket of resting) socket.destroy()
    destroy()
  }
}

/**
 * Why nothing may be sent to a target; undefined if it may. `endpoint` is its URL, or undefined for
 * AWS's own. A literal address is never looked up, so the agents cannot refuse it.
 */
export function refusalOfTarget(
  endpoint: string | undefined,
  options: {
    credentials: Credentials | undefined
    allowPrivateTargets: boolean
    allowDefaultCredentials: boolean
  },
): Error | undefined {
  const host = endpoint ? hostOf(new URL(endpoint)) : ''
  if (!options.allowPrivateTargets && net.isIP(host) > 0 && !isPublicAddress(host)) {
    return new Error(notPublic(host))
  }
  if (options.credentials || options.allowDefaultCredentials) return undefined
  const message = 'it has no keys, and the operator provides none'
  return Object.assign(new Error(message), { name: 'AccessDenied' })
}

/** The caller has lost its right to send. */
export class Halted extends Error {}

/**
 * Bounds what a client sends and reads. `maySend` is asked before each request, except for those
 * that clean up.
 */
export function boundAnswers(
  client: S3Client | SQSClient | SNSClient,
  { maySend, timeoutMs }: { maySend: () => boolean; timeoutMs: number },
): void {
  // The clients differ only in their types.
  const { middlewareStack } = client as S3Client
  // The last middleware before the request leaves, so that it sees every retry.
  middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        if (commandName !== 'AbortMultipartUploadCommand' && !maySend()) throw new Halted()
        const result = await next(args).catch((error) => {
          throw maySend() ? error : new Halted()
        })
        const { response } = result as { response: { body?: unknown } }
        if (response.body instanceof Readable) {
          response.body = Readable.from([await readAll(response.body, timeoutMs)])
        }
        return result
      },
    { step: 'deserialize', priority: 'low', name: 'boundAnswers' },
  )
}

async function readAll(body: Readable, timeoutMs: number): Promise<Buffer> {
  const timer = setTimeout(() => body.destroy(new Error('no end of the answer')), timeoutMs)
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of body) {
      size += chunk.length
      if (size > ANSWER_BYTES) throw new Error(`the answer is larger than ${ANSWER_BYTES} bytes`)
      chunks.push(chunk)
    }
  } finally {
    clearTimeout(timer)
    body.destroy()
  }
  return Buffer.concat(chunks)
}
