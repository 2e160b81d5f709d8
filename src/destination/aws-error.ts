// Describes an error of an AWS client, for every service.

import { statusText } from './status-text.ts'

/** Names without information. */
const GENERIC = ['Error', 'TypeError', 'TimeoutError', 'Unknown', 'UnknownError']

type AwsError = {
  name?: string
  code?: string
  message?: string
  $metadata?: { httpStatusCode?: number }
  $response?: { statusCode?: number; headers?: Record<string, string> }
}

export type Described = {
  /** In the service's spelling; empty if it has none. */
  name: string
  message: string
  status?: number
  /** The header Retry-After, unchanged. */
  retryAfter?: string
  /**
   * For people, and not masked yet: "not found (HTTP status code 404): NoSuchBucket, The bucket
   * does not exist."
   */
  reason: string
}

export function describeError(error: unknown): Described {
  const { name = '', code, message = '', $metadata, $response } = error as AwsError
  const status = $metadata?.httpStatusCode ?? $response?.statusCode
  const retryAfter = $response?.headers?.['retry-after']
  const text = status === undefined ? '' : statusText(status)
  return {
    name,
    message,
    ...(status === undefined ? {} : { status }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
    reason: [text, detailOf(name || code || 'no answer', message)].filter(Boolean).join(': '),
  }
}

/** "NoSuchBucket, The specified bucket does not exist." */
export function detailOf(name: string, message: string): string {
  const isNamed = /^[A-Z][\w.]+$/.test(name) && !GENERIC.includes(name)
  const hasMessage = message && message !== name && message !== 'UnknownError'
  return [isNamed ? name : '', hasMessage ? message : ''].filter(Boolean).join(', ')
}
