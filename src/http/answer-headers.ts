// The headers of answers for the document, and which answers have them.

import type { DocumentedAnswer, Route } from './route.ts'

const text = { type: 'string' }
const whole = (minimum: number) => ({ type: 'integer', minimum })

const headers = {
  'x-request-id': {
    name: 'RequestId',
    description: 'The id of the request, also in errors and in the log of the operator.',
    schema: { type: 'string', format: 'uuid' },
  },
  'www-authenticate': { name: 'WwwAuthenticate', description: 'How to do it.', schema: text },
  'retry-after': {
    name: 'RetryAfter',
    description: 'The seconds to wait before the next try.',
    schema: whole(1),
  },
  'ratelimit-limit': {
    name: 'RateLimitLimit',
    description: 'The size of the token bucket. Missing if there is no limit.',
    schema: whole(1),
  },
  'ratelimit-remaining': {
    name: 'RateLimitRemaining',
    description: 'The tokens that are left.',
    schema: whole(0),
  },
  'ratelimit-reset': {
    name: 'RateLimitReset',
    description: 'The seconds until the bucket is full again.',
    schema: whole(0),
  },
  etag: { name: 'ETag', description: 'The version of the resource, for If-Match.', schema: text },
  link: {
    name: 'Link',
    description: 'The next page, if there is one: `<...>; rel="next"`.',
    schema: text,
  },
}

type HeaderName = keyof typeof headers

/** All of them, as components of the document. */
export const headerComponents = Object.fromEntries(
  Object.values(headers).map(({ name, description, schema }) => [name, { description, schema }]),
)

/** The headers of an answer with this status. */
export function headersOf({ limited }: Route, status: number, answer: DocumentedAnswer): object {
  const names: HeaderName[] = ['x-request-id', ...(answer.headers ?? [])]
  if (status === 401) names.push('www-authenticate')
  if (status === 429 || status === 503) names.push('retry-after')
  if (limited && (status < 300 || status === 429)) {
    names.push('ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset')
  }
  return Object.fromEntries(
    names.map((name) => [name, { $ref: `#/components/headers/${headers[name].name}` }]),
  )
}
