// Mails by SendGrid's v3 API: one POST /v3/mail/send for up to a thousand customers, each with its
// own data for a dynamic template. The API has no idempotency key, so outcomes are separated with
// care: `unavailable` was certainly not accepted, `unknown` may have been. Each request has its own
// connection. On a kept-alive one the other side may hang up just then, and the outcome would be
// unknown.

import type { IncomingHttpHeaders } from 'node:http'
import net from 'node:net'
import type { Agent } from 'undici'
import { parseJson } from '../input/json.ts'
import { undici } from '../lazy.ts'
import { hostOf, isPublicAddress, notPublic } from './address.ts'
import { createConnector } from './connector.ts'
import { createMask } from './mask.ts'
import { type Answer, mayHaveLeft, post, TimeOut } from './post.ts'
import { parseRetryAfter } from './retry-after.ts'
import { statusText } from './status-text.ts'

const SECOND_MS = 1_000

export type Mail = {
  email: string
  name?: string | undefined
  /** The data for the template: dynamic_template_data. */
  data: Record<string, unknown>
}

type Sender = {
  /** https://api.sendgrid.com */
  url: string
  apiKey: string
  from: { email: string; name?: string | undefined }
}

/**
 * * accepted: queued by SendGrid; `pauseMs`: how long the rate limit is used up.
 * * rejected: mails are at fault (400), those of `indexes`; unknown which if that is empty.
 * * refused: no mail would be accepted (a wrong key, sender or template).
 * * unavailable: not accepted, try again later.
 * * unknown: it may have been accepted.
 */
export type MailOutcome =
  | { kind: 'accepted'; pauseMs?: number | undefined }
  | { kind: 'rejected'; indexes: number[]; reason: string }
  | { kind: 'refused'; reason: string }
  | { kind: 'unavailable'; reason: string; retryAfterMs?: number | undefined }
  | { kind: 'unknown'; reason: string }

export type Mailer = {
  /** Sends a template to all of them, in one request. Never rejects. */
  send(templateId: string, mails: Mail[]): Promise<MailOutcome>
}

/** Connections for a single request each. */
export function createMailAgent(options: { allowPrivateTargets: boolean }): Agent {
  const { Agent } = undici()
  return new Agent({ connect: createConnector(options)(), pipelining: 0 })
}

/** A mailer for one sender. Its owner shares and closes `agent`. */
export function createSendGrid(
  agent: Agent,
  sender: Sender,
  options: {
    timeoutMs: number
    allowPrivateTargets: boolean
    responseBytes: number
    storedResponse: number
  },
): Mailer {
  const base = new URL(sender.url)
  const host = hostOf(base)
  const isForbidden = !options.allowPrivateTargets && net.isIP(host) > 0 && !isPublicAddress(host)
  const to = { origin: base.origin, path: `${base.pathname.replace(/\/$/, '')}/v3/mail/send` }
  const headers = Object.entries({
    authorization: `Bearer ${sender.apiKey}`,
    'content-type': 'application/json',
    'user-agent': 'Millrace',
  }).flat()
  const mask = createMask([sender.apiKey], options.storedResponse)
  const failed = (reason: string) => `SendGrid at ${base.host} failed. Reason: ${mask(reason)}`

  return {
    async send(templateId, mails) {
      if (isForbidden) {
        return { kind: 'refused', reason: failed(notPublic(host)) }
      }
      const body = Buffer.from(JSON.stringify(requestOf(sender, templateId, mails)))
      try {
        const answer = await post(agent, { ...to, headers, body }, options)
        return judge(answer, mails.length, failed)
      } catch (error) {
        const reason = failed(describeFailure(error as NodeJS.ErrnoException, options.timeoutMs))
        return { kind: mayHaveLeft(error as Error) ? 'unknown' : 'unavailable', reason }
      }
    },
  }
}

function requestOf({ from }: Sender, template_id: string, mails: Mail[]): object {
  const personalizations = mails.map(({ email, name, data }) => ({
    to: [{ email, ...(name ? { name: name.replace(/[;,]/g, ' ') } : {}) }],
    dynamic_template_data: data,
  }))
  const { email, name } = from
  return { from: { email, ...(name ? { name } : {}) }, template_id, personalizations }
}

type Fault = { field?: unknown; message?: unknown }

/** The meaning of an answer. `failed` makes a reason of it. */
function judge(
  { status, headers, body }: Answer,
  count: number,
  failed: (reason: string) => string,
): MailOutcome {
  if (status >= 200 && status < 300) {
    const isUsedUp = headers['x-ratelimit-remaining'] === '0'
    return { kind: 'accepted', ...(isUsedUp ? { pauseMs: untilReset(headers) } : {}) }
  }
  const faults = faultsIn(body)
  const lines = faults.map(({ field, message }) => [field, message].filter(Boolean).join(': '))
  const start = lines.join('; ') || (body?.toString('utf8') ?? '')
  const reason = failed(start ? `${statusText(status)}: ${start}` : statusText(status))
  // Too large: fewer mails at once may fit.
  if (status === 413) return { kind: 'rejected', indexes: [], reason }
  if (status === 400 && faults.every(isOfMails)) {
    const named = faults.map(({ field }) => indexIn(field)).filter((index) => index < count)
    return { kind: 'rejected', indexes: [...new Set(named)], reason }
  }
  if (status !== 429 && status < 500) return { kind: 'refused', reason }
  const asked = parseRetryAfter(headers['retry-after'], Date.now())
  return { kind: 'unavailable', reason, retryAfterMs: asked ?? untilReset(headers) }
}

/** {"errors":[{"field":"personalizations.3.to.0.email","message":"…"}]} */
function faultsIn(body: Buffer | undefined): Fault[] {
  const parsed = body ? parseJson(body) : { fault: undefined }
  const errors = 'value' in parsed ? (parsed.value as { errors?: unknown } | null)?.errors : []
  return Array.isArray(errors) ? errors.filter((one) => typeof one === 'object' && one) : []
}

/** A fault that names no field may also be one mail's. */
const isOfMails = ({ field }: Fault) =>
  typeof field !== 'string' || field === '' || field.startsWith('personalizations')

function indexIn(field: unknown): number {
  return Number(/^personalizations[.[](\d+)/.exec(String(field))?.[1] ?? Number.NaN)
}

/** X-RateLimit-Reset: seconds since 1970 at which the limit resets. */
function untilReset(headers: IncomingHttpHeaders): number | undefined {
  const reset = headers['x-ratelimit-reset']
  if (typeof reset !== 'string' || !/^\d+$/.test(reset)) return undefined
  return Math.max(0, Number(reset) * SECOND_MS - Date.now())
}

function describeFailure(error: NodeJS.ErrnoException, timeoutMs: number): string {
  if (error instanceof TimeOut) return `no complete answer within ${timeoutMs} ms`
  return error.message || error.code || error.name
}
