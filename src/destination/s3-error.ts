// What an error of the S3 client means for a stream of files: a target that will take nothing more
// (denied, no such bucket, another region, keys that are wrong), or one to try again later. By the
// names that S3 documents, and by the status where a store has names of its own.

import { STATUS_CODES } from 'node:http'
import type { FileFailure } from './destination.ts'

type Failed = Exclude<FileFailure, { kind: 'halted' }>

const REASON_LENGTH = 512

const REFUSING = new Set([
  'AccessDenied',
  'AccountProblem',
  'AllAccessDisabled',
  'AuthorizationHeaderMalformed', // signed for another region
  'IllegalLocationConstraintException',
  'InvalidAccessKeyId',
  'InvalidBucketName',
  'InvalidToken',
  'NoSuchBucket',
  'PermanentRedirect', // the bucket is in another region
  'SignatureDoesNotMatch',
])
/** Ours to put right, or gone by itself: tried again, whatever the status says. */
const PASSING = new Set(['NoSuchUpload', 'RequestTimeTooSkewed', 'RequestTimeout', 'SlowDown'])
const REFUSING_STATUSES = [301, 401, 403, 404]

/** Names that tell nobody anything. */
const GENERIC = ['Error', 'TypeError', 'TimeoutError', 'UnknownError']

type StoreError = {
  name?: string
  code?: string
  message?: string
  $metadata?: { httpStatusCode?: number }
  $response?: { statusCode?: number }
}

/** The outcome that an error stands for, with a reason for people. */
export function judgeStoreError(error: unknown): Failed {
  const { name = '', code, $metadata, $response } = error as StoreError
  const status = $metadata?.httpStatusCode ?? $response?.statusCode
  const isRefused =
    !PASSING.has(name) &&
    (REFUSING.has(name) || (status !== undefined && REFUSING_STATUSES.includes(status)))
  const words = status === undefined ? undefined : STATUS_CODES[status]?.toLowerCase()
  const told = status === undefined ? '' : `${words ?? 'failed'} (HTTP status code ${status})`
  const reason = [told, detailOf(error as StoreError, name || code || 'no answer')]
    .filter(Boolean)
    .join(': ')
    .replaceAll('\0', '\ufffd')
    .slice(0, REASON_LENGTH)
  const known = status === undefined ? {} : { status }
  return { kind: isRefused ? 'refused' : 'unavailable', ...known, reason }
}

/** "NoSuchBucket, The specified bucket does not exist." */
function detailOf({ message }: StoreError, name: string): string {
  const isNamed = /^[A-Z]\w+$/.test(name) && !GENERIC.includes(name)
  const isTold = message && message !== name && message !== 'UnknownError'
  return [isNamed ? name : '', isTold ? message : ''].filter(Boolean).join(', ')
}
