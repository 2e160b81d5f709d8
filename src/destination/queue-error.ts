// What an error of SQS or SNS means for a stream of events: of a whole request, or of one of its
// messages. By the names that the services document, in the spellings of both; by the status or by
// whose fault it is where a compatible service has names of its own.

import { type Described, describeError, detailOf } from './aws-error.ts'
import type { Failure } from './destination.ts'
import { parseRetryAfter } from './retry-after.ts'

/** One message of a request that was not taken. */
export type EntryError = { code: string; message: string; isSenderFault: boolean }

/** Nobody who sends there with these keys will be served, whatever the message. */
const REFUSING = new Set([
  'AccessDenied',
  'AuthorizationError',
  'EndpointDisabled',
  'IncompleteSignature',
  'InvalidAccessKeyId',
  'InvalidAddress',
  'InvalidClientTokenId',
  'InvalidSecurity',
  'InvalidSignature',
  'MissingAuthenticationToken',
  'NonExistentQueue',
  'NotAuthorized',
  'NotFound',
  'OptInRequired',
  'QueueDoesNotExist',
  'ResourceNotFound',
  'SignatureDoesNotMatch',
  'UnrecognizedClient',
  'UnsupportedOperation',
])
const REFUSING_KEYS = /^kms\.?(AccessDenied|Disabled|Invalid\w+|NotFound|OptInRequired)$/i
const REFUSING_STATUSES = [401, 403, 404]

/** Ours to put right, or gone by itself: tried again, whatever the status says. */
const PASSING = new Set([
  'ExpiredToken',
  'InternalError',
  'InternalFailure',
  'RequestExpired',
  'RequestTimeTooSkewed',
  'RequestTimeout',
  'ServiceUnavailable',
])
const SKEWED = /signature (expired|not yet current)/i
const THROTTLING = /Thrott|TooManyRequests|Re(quest|ad)LimitExceeded|BandwidthLimit|SlowDown/i

/** The contents of a message, or of one among those of a request. */
const REJECTING = new Set([
  'BatchRequestTooLong',
  'InvalidAttributeValue',
  'InvalidMessageContents',
  'InvalidParameter',
  'InvalidParameterValue',
  'MessageTooLong',
  'MissingParameter',
  'Validation',
])
/** A fault of these parameters is one of the address, and hits every message. */
const ADDRESS = /\b(TopicArn|QueueUrl)\b/

/**
 * What an error that answered a whole request means. `rejected`: for one of its messages, if there
 * are several.
 */
export function judgeRequestError(error: unknown): Failure {
  const described = describeError(error)
  const { status, retryAfter, reason } = described
  const failure = { reason, ...(status === undefined ? {} : { status }) }
  const kind = kindOf(described)
  if (kind === 'refused') return { kind, ...failure }
  if (kind === 'rejected') return { kind, ...failure, status: status ?? 400, response: reason }
  const retryAfterMs = parseRetryAfter(retryAfter, Date.now())
  return {
    kind: 'unavailable',
    ...failure,
    ...(kind === 'throttled' ? { isThrottled: true } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
}

/** What an error of one message means; the request itself was served. */
export function judgeEntryError({ code, message, isSenderFault }: EntryError): Failure {
  const reason = detailOf(code, message) || 'no reason was given'
  const kind = kindOf({ name: code, message })
  if (kind === 'throttled') return { kind: 'unavailable', reason, isThrottled: true }
  if (kind === 'refused') return { kind, reason }
  if (kind === 'rejected' || (isSenderFault && !PASSING.has(plain(code)))) {
    return { kind: 'rejected', status: 400, reason, response: reason }
  }
  return { kind: 'unavailable', reason }
}

function kindOf({
  name,
  message,
  status,
}: Pick<Described, 'name' | 'message' | 'status'>): Failure['kind'] | 'throttled' {
  const error = plain(name)
  if (status === 429 || THROTTLING.test(error)) return 'throttled'
  if (PASSING.has(error) || SKEWED.test(message)) return 'unavailable'
  if (REFUSING.has(error) || REFUSING_KEYS.test(error)) return 'refused'
  if (status === 413) return 'rejected'
  if (REJECTING.has(error)) return ADDRESS.test(message) ? 'refused' : 'rejected'
  return status !== undefined && REFUSING_STATUSES.includes(status) ? 'refused' : 'unavailable'
}

/** The protocols of the services spell the same error in several ways. */
function plain(name: string): string {
  return name.replace(/^AWS\.SimpleQueueService\./, '').replace(/Exception$/, '')
}
