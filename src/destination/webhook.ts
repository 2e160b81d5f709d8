// Webhooks: one POST per event over kept-alive connections, with the headers of Standard Webhooks.
// The payload's text goes into the body untouched. Any 2xx acknowledges, 400 rejects, 403 and 410
// refuse. Anything else is retried, redirects included, which are not followed. A trial is the same
// request, reported whole (trial.ts).

import net from 'node:net'
import { hostOf, isPublicAddress, notPublic } from './address.ts'
import { adviceOfAnswer, adviceOfError } from './advice.ts'
import { bodyText } from './body.ts'
import type { Connections } from './connections.ts'
import type { Destination, Outcome, OutgoingEvent } from './destination.ts'
import { createMask, type Mask } from './mask.ts'
import { type Answer, type PostRequest, TimeOut } from './post.ts'
import { parseRetryAfter } from './retry-after.ts'
import { type SigningKey, secretBytes, sign, signingKey } from './sign.ts'
import { statusText } from './status-text.ts'
import { reportTrial, type Trial } from './trial.ts'

const FIXED_HEADERS = { 'content-type': 'application/json', 'user-agent': 'Millrace' }
/** In errors of certificates, for people who run Node and not the target. */
const NODES_ADVICE = /; if the root CA is installed locally.*/
const BEYOND_ASCII = /[\u0080-\uffff]/

export type WebhookOptions = {
  url: string
  apiKey?: string | undefined
  /** Sent with every request. */
  headers?: Record<string, string> | undefined
  /** Secrets to sign with: the current one, and the former one up to its end, in ms since 1970. */
  signingSecrets?: { secret: string; until?: number }[]
  /** From the first byte sent to the last byte read. */
  timeoutMs: number
  allowPrivateTargets: boolean
  /** The most bytes to read of an answer; a longer one is a failure. */
  responseBytes: number
  /** The most characters to keep of it. */
  storedResponse: number
}

export type Webhook = Destination & {
  /** Sends an event, and reports the whole exchange, with secrets masked. Never rejects. */
  try(event: OutgoingEvent): Promise<Trial>
}

/** A destination that POSTs to a URL. Its owner shares and closes `connections`. */
export function createWebhook(connections: Connections, options: WebhookOptions): Webhook {
  const url = new URL(options.url)
  const host = hostOf(url)
  // A literal address is never looked up, so the lookup of the connection cannot refuse it.
  const forbidden = !options.allowPrivateTargets && net.isIP(host) > 0 && !isPublicAddress(host)
  const authorization = options.apiKey ? { authorization: `Bearer ${options.apiKey}` } : {}
  const fixed = Object.entries({ ...options.headers, ...authorization, ...FIXED_HEADERS }).flat()
  const signing = options.signingSecrets ?? []
  const keys = signing.map(({ secret, until = Infinity }) => ({ ...signingKey(secret), until }))
  const texts = signing.map(({ secret }) => secret)
  // Without its query, which may hold a token.
  const shown = url.origin + url.pathname
  const to = { origin: url.origin, path: url.pathname + url.search }
  const secrets = [options.apiKey, ...Object.values(options.headers ?? {}), ...texts]
  const mask = createMask([...secrets, ...texts.map(secretBytes)], options.storedResponse)
  const failed = (reason: string) => `Request to URL ${shown} failed. Reason: ${mask(reason)}`
  const secretHeaders = Object.keys({ ...options.headers, ...authorization })

  return {
    send(event, settled, maySend) {
      exchange(requestOf(event), (result) => settled(outcomeOf(result)), maySend)
    },
    try(event) {
      const request = requestOf(event)
      const sentAt = performance.now()
      return new Promise((resolve) => {
        exchange(request, (result) => {
          const outcome = outcomeOf(result)
          const ms = performance.now() - sentAt
          resolve(reportTrial(request, result, { outcome, ms, mask, secretHeaders }))
        })
      })
    },
  }

  function requestOf(event: OutgoingEvent): PostRequest {
    const body = Buffer.from(bodyText(event))
    return { ...to, headers: [...fixed, ...headersOf(event, body, keys)], body }
  }

  function exchange(
    request: PostRequest,
    done: (result: Answer | Error) => void,
    maySend?: () => boolean,
  ): void {
    if (forbidden) done(new Error(notPublic(host)))
    else connections.post(request, options, done, maySend)
  }

  function outcomeOf(result: Answer | Error): Outcome {
    if (!(result instanceof Error)) return judge(result, options, mask, failed)
    return { kind: 'unavailable', reason: failed(describeFailure(result, options.timeoutMs)) }
  }
}

/** A key, and the moment in ms from which it signs no more. */
type ValidKey = SigningKey & { until: number }

function headersOf(event: OutgoingEvent, body: Buffer, keys: ValidKey[]): string[] {
  // The same for an event in every retry and replay.
  const id = event.testId ?? `msg_${event.tenant}_${event.position}`
  const now = Date.now()
  const timestamp = String(Math.floor(now / 1000))
  const headers = [
    'webhook-id',
    id,
    'webhook-timestamp',
    timestamp,
    'idempotency-key',
    inBytes(event.idempotencyKey),
    'millrace-position',
    String(event.position),
  ]
  if (event.traceparent !== null) headers.push('traceparent', event.traceparent)
  if (event.testId !== undefined) headers.push('millrace-test', 'true')
  // Now, not when the destination was opened: a turn that is busy may last for hours.
  const valid = keys.filter(({ until }) => now < until)
  if (valid.length > 0) headers.push('webhook-signature', sign(valid, id, timestamp, body))
  return headers
}

/** Headers are bytes: a text leaves as the UTF-8 bytes in which it came. */
function inBytes(text: string): string {
  return BEYOND_ASCII.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text
}

function judge(
  { status, headers, body }: Answer,
  { responseBytes }: WebhookOptions,
  mask: Mask,
  failed: (reason: string) => string,
): Outcome {
  if (body === undefined) {
    const reason = failed(`the response is larger than ${responseBytes} bytes`)
    return { kind: 'unavailable', status, reason }
  }
  if (status >= 200 && status < 300) return { kind: 'delivered', status }
  const reason = failed(`${statusText(status)}: ${adviceOfAnswer({ status, headers })}`)
  const response = mask(body.toString('utf8'))
  if (status === 400) return { kind: 'rejected', status, reason, response }
  if (status === 403 || status === 410) return { kind: 'refused', status, reason, response }
  const honoured = status === 429 || status === 503
  const retryAfterMs = honoured ? parseRetryAfter(headers['retry-after'], Date.now()) : undefined
  return {
    kind: 'unavailable',
    status,
    reason,
    response,
    ...(status === 429 ? { isThrottled: true } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
}

function describeFailure(error: Error, timeoutMs: number): string {
  const { name, code, message } = error as NodeJS.ErrnoException
  // OpenSSL's message has lines of its source; its reason is a few words.
  const { reason: ofOpenSsl } = error as { reason?: string }
  const advice = adviceOfError(error)
  const isLate = error instanceof TimeOut
  const what = isLate
    ? `no complete answer within ${timeoutMs} ms`
    : ofOpenSsl || message.replace(NODES_ADVICE, '') || code || name
  return advice ? `${what}: ${advice}` : what
}
