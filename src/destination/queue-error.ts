// The meaning of an error of SQS or SNS for a stream of events: of a whole request, or of one
// message. It is judged by the documented names, in the spellings of both services. For the own
// names of compatible services it is judged by the status, or by the side that is at fault.

import { type Described, describeError, detailOf } from './aws-error.ts'
import type { Failure } from './destination.ts'
import { parseRetryAfter } from './retry-after.ts'

/** A message of a request that was not accepted. */
export type EntryError = { code: string; message: string; isSenderFault: boolean }

/** Errors of every request with these keys or this address. */
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

/** Errors that the operator can fix, or that pass: retried, whatever the status. */
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

/** Errors of a message's contents, or of one message in a request. */
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
/** A fault of these parameters concerns the address, so it hits every message. */
const ADDRESS = /\b(TopicArn|QueueUrl)\b/

/**
 * The meaning of an error that answered a whole request. `rejected` refers to one of its messages,
 * if there are several.
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

/** The meaning of an error of one message; the request itself was served. */
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

/** The services' protocols spell the same error in several ways. */
function plain(name: string): string {
  return name.replace(/^AWS\.SimpleQueueService\./, '').replace(/Exception$/, '')
}
