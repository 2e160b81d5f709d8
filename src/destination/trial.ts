// The report of a trial: the request as it left and the answer as it came, for the person who set
// up the target. Secrets are masked, also if the target echoes them.

import type { IncomingHttpHeaders } from 'node:http'
import type { Outcome } from './destination.ts'
import { MASK, type Mask } from './mask.ts'
import type { Answer, PostRequest } from './post.ts'

/** The most headers of an answer to report. */
const MOST_HEADERS = 50

/** The headers that the signature covers with the body. */
const SIGNED = ['webhook-id', 'webhook-timestamp']

export type Trial = {
  outcome: Outcome
  sent: {
    url: string
    headers: Record<string, string>
    body: string
    /** The text that the signature is of: id, timestamp and body. */
    signedText: string
  }
  /** Undefined without a whole answer: the outcome has the reason. */
  received: { status: number; headers: Record<string, string>; body: string } | undefined
  /** From the first byte sent to the last byte read. */
  ms: number
}

/** The report of a request and its result. `secretHeaders`: their values are not shown. */
export function reportTrial(
  { origin, path, headers, body }: PostRequest,
  result: Answer | Error,
  options: { outcome: Outcome; ms: number; mask: Mask; secretHeaders: string[] },
): Trial {
  const { outcome, ms, mask, secretHeaders } = options
  const sent: Record<string, string> = {}
  for (let i = 0; i < headers.length; i += 2) {
    const [name, value] = headers.slice(i, i + 2) as [string, string]
    sent[name] = secretHeaders.includes(name) ? withoutSecret(name) : value
  }
  const text = body.toString('utf8')
  // A query may hold a token.
  const [page, query] = path.split('?', 2)
  return {
    outcome,
    sent: {
      url: origin + page + (query ? `?${MASK}` : ''),
      headers: sent,
      body: text,
      signedText: [...SIGNED.map((name) => sent[name]), text].join('.'),
    },
    received:
      result instanceof Error
        ? undefined
        : {
            status: result.status,
            headers: headersOf(result.headers, mask),
            body: mask(result.body?.toString('utf8') ?? ''),
          },
    ms: Math.round(ms * 10) / 10,
  }
}

function withoutSecret(name: string): string {
  return name === 'authorization' ? `Bearer ${MASK}` : MASK
}

function headersOf(headers: IncomingHttpHeaders, mask: Mask): Record<string, string> {
  const shown = Object.entries(headers).slice(0, MOST_HEADERS)
  return Object.fromEntries(shown.map(([name, value]) => [mask(name), mask(String(value))]))
}
