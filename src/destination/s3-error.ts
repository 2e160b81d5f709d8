// The meaning of an error of the S3 client for a stream of files. Either the target accepts nothing
// more (access denied, no such bucket, another region, wrong keys), or the file is retried later.
// It is judged by the names that S3 documents; for other names, by the status.

import { describeError } from './aws-error.ts'
import type { FileFailure } from './destination.ts'
import { parseRetryAfter } from './retry-after.ts'

type Failed = Exclude<FileFailure, { kind: 'halted' }>

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
/** Errors that the operator can fix, or that pass: retried, whatever the status. */
const PASSING = new Set(['NoSuchUpload', 'RequestTimeTooSkewed', 'RequestTimeout', 'SlowDown'])
const REFUSING_STATUSES = [301, 401, 403, 404]

/** The outcome of an error, with a reason for people. */
export function judgeStoreError(error: unknown): Failed {
  const { name, status, reason, retryAfter } = describeError(error)
  const isRefused =
    !PASSING.has(name) &&
    (REFUSING.has(name) || (status !== undefined && REFUSING_STATUSES.includes(status)))
  const known = status === undefined ? {} : { status }
  if (!isRefused) {
    const retryAfterMs = parseRetryAfter(retryAfter, Date.now())
    const asked = retryAfterMs === undefined ? {} : { retryAfterMs }
    return { kind: 'unavailable', ...known, ...asked, reason }
  }
  const { $response } = error as { $response?: { headers?: Record<string, string> } }
  const region = $response?.headers?.['x-amz-bucket-region']
  const where = region ? `in ${region}` : status === 301 && 'in another region'
  return { kind: 'refused', ...known, reason: where ? `${reason}: the bucket is ${where}` : reason }
}
