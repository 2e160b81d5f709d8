// What an error of the S3 client means for a stream of files: a target that will take nothing more
// (denied, no such bucket, another region, keys that are wrong), or one to try again later. By the
// names that S3 documents, and by the status where a store has names of its own.

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
/** Ours to put right, or gone by itself: tried again, whatever the status says. */
const PASSING = new Set(['NoSuchUpload', 'RequestTimeTooSkewed', 'RequestTimeout', 'SlowDown'])
const REFUSING_STATUSES = [301, 401, 403, 404]

/** The outcome that an error stands for, with a reason for people. */
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
