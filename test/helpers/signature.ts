// Verifies that a request is signed with the right keys: AWS Signature Version 4, computed from the
// received request (docs.aws.amazon.com, "Create a signed AWS API request").

import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(.+), SignedHeaders=(.+), Signature=(\w{64})$/

type SignedRequest = {
  method: string
  /** With its query, which must be empty: nobody here sends one. */
  url: string
  headers: IncomingHttpHeaders
  body: Buffer
}

/** The fault of the signature, by AWS's name; undefined if it is right. */
export function faultOfSignature(
  { method, url, headers, body }: SignedRequest,
  keys: { accessKeyId: string; secretAccessKey: string },
): 'MissingAuthenticationToken' | 'InvalidClientTokenId' | 'SignatureDoesNotMatch' | undefined {
  const found = AUTHORIZATION.exec(headers.authorization ?? '')
  if (!found) return 'MissingAuthenticationToken'
  const [, accessKeyId, scope, signed, signature] = found as unknown as string[]
  if (accessKeyId !== keys.accessKeyId) return 'InvalidClientTokenId'
  const names = (signed as string).split(';')
  const canonical = [
    ...[method, url, ''],
    ...names.map((name) => `${name}:${String(headers[name] ?? '').trim()}`),
    ...['', names.join(';'), hash('sha256', body)],
  ].join('\n')
  const date = String(headers['x-amz-date'])
  const text = ['AWS4-HMAC-SHA256', date, scope, hash('sha256', canonical)].join('\n')
  const key = (scope as string)
    .split('/')
    .reduce<string | Buffer>(
      (secret, part) => createHmac('sha256', secret).update(part).digest(),
      `AWS4${keys.secretAccessKey}`,
    )
  const expected = createHmac('sha256', key).update(text).digest('hex')
  const isRight = timingSafeEqual(Buffer.from(expected), Buffer.from(signature as string))
  return isRight && names.includes('host') ? undefined : 'SignatureDoesNotMatch'
}
