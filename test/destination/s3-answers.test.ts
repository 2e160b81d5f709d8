// The store of files against answers that a real store gives seldom: errors of each kind, losses,
// other web servers, and endless ones.

import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, type Receiver, startReceiver, status } from '../../scripts/kit/receiver.ts'
import { keys } from '../../scripts/kit/store.ts'
import type { S3Options } from '../../src/destination/s3.ts'
import { chunksOf, content, PART, plain, storeAt } from '../helpers/s3.ts'

describe('a store that answers', () => {
  let receiver: Receiver
  beforeAll(async () => {
    receiver = await startReceiver()
  })
  afterAll(() => receiver.close())

  const error = (code: number, name: string, message = 'words'): Answer =>
    status(code, {}, `<Error><Code>${name}</Code><Message>${message}</Message></Error>`)
  async function ask(answer: Answer, more: Partial<S3Options> = {}, length = 1) {
    receiver.answer = answer
    receiver.received.length = 0
    const store = storeAt(receiver.url, more)
    const outcome = await store.write('key', chunksOf(content(length)), plain)
    store.close()
    return outcome
  }

  const refusing: [number, string][] = [
    [403, 'AccessDenied'],
    [403, 'InvalidAccessKeyId'],
    [403, 'SignatureDoesNotMatch'],
    [403, ''],
    [401, 'Unauthorized'],
    [404, 'NoSuchBucket'],
    [404, ''],
    [301, 'PermanentRedirect'],
    [400, 'AuthorizationHeaderMalformed'],
    [400, 'IllegalLocationConstraintException'],
    [400, 'InvalidBucketName'],
  ]
  it.each(refusing)('%i %s: refused', async (code, name) => {
    const outcome = await ask(error(code, name))
    expect(outcome).toMatchObject({ kind: 'refused', status: code })
    expect(outcome).toMatchObject({ reason: expect.stringContaining(`HTTP status code ${code}`) })
  })

  const passing: [number, string][] = [
    [500, 'InternalError'],
    [503, 'SlowDown'],
    [503, ''],
    [429, 'TooManyRequests'],
    [400, 'RequestTimeout'],
    [400, 'SomethingElse'],
    [403, 'RequestTimeTooSkewed'],
    [502, '<html>'],
  ]
  it.each(passing)('%i %s: to be tried again', async (code, name) => {
    expect(await ask(error(code, name))).toMatchObject({ kind: 'unavailable', status: code })
  })

  it.each([
    [301, 'PermanentRedirect'],
    [400, 'AuthorizationHeaderMalformed'],
    [400, 'IllegalLocationConstraintException'],
  ])('with the region of the bucket (%i %s): it is told', async (code, name) => {
    const body = `<Error><Code>${name}</Code><Message>words</Message></Error>`
    const outcome = await ask(status(code, { 'x-amz-bucket-region': 'eu-west-1' }, body))
    expect(outcome).toMatchObject({
      kind: 'refused',
      reason: expect.stringMatching(/words: the bucket is in eu-west-1$/),
    })
  })

  it('that it is to be left alone for a while: it is told', async () => {
    const body = '<Error><Code>SlowDown</Code></Error>'
    const outcome = await ask(status(503, { 'retry-after': '0' }, body))
    expect(outcome).toMatchObject({ kind: 'unavailable', status: 503, retryAfterMs: 0 })
  })

  it('with the names of regions', async () => {
    const words = "the region 'us-east-1' is wrong; expecting 'eu-west-1'"
    const outcome = await ask(error(400, 'AuthorizationHeaderMalformed', words))
    expect(outcome).toMatchObject({ reason: expect.stringContaining(words) })
  })

  it('with a secret: it is not passed on', async () => {
    const { accessKeyId, secretAccessKey } = keys
    const outcome = await ask(error(403, 'AccessDenied', `${accessKeyId} ${secretAccessKey}`))
    expect(outcome).toMatchObject({ reason: expect.stringMatching(/AccessDenied, \*\*\* \*\*\*$/) })
  })

  const begun: Answer = status(
    200,
    { etag: '"x"' },
    '<R><Bucket>files</Bucket><Key>key</Key><UploadId>upload</UploadId></R>',
  )
  const failed = `<?xml version="1.0"?><Error><Code>InternalError</Code></Error>`
  const ending =
    (answer: Answer): Answer =>
    (request, response) =>
      (request.body.includes('CompleteMultipartUpload') ? answer : begun)(request, response)
  const nothing: [string, Answer][] = [
    ['nothing', () => {}],
    ['success to the end of an upload, and then an error', ending(status(200, {}, failed))],
    ['success to the end of an upload, and nothing', ending(status(200))],
    ['success to the end of an upload, and another page', ending(status(200, {}, '<p>hi</p>'))],
    [
      'success without the name of a part',
      (request, response) =>
        (request.url.includes('partNumber') ? status(200) : begun)(request, response),
    ],
    ['a reset', (_, response) => response.socket?.resetAndDestroy()],
    ['no XML', status(200, { etag: '"x"' }, 'x'.repeat(10))],
    ['no end', (_, response) => endless(response)],
  ]
  it.each(nothing)('%s: to be tried again', async (_, answer) => {
    const outcome = await ask(answer, {}, 2 * PART)
    expect(outcome).toMatchObject({ kind: 'unavailable' })
  })

  it('success, as any web server would: to be tried again', async () => {
    expect(await ask(status(200, {}, '<html>welcome</html>'))).toMatchObject({
      kind: 'unavailable',
      reason: expect.stringContaining('no ETag'),
    })
    expect(await ask(begun)).toMatchObject({ kind: 'delivered' })
    expect(await ask(begun, {}, 2 * PART)).toMatchObject({ kind: 'delivered' })
  })

  it.each(['closes', 'resets'])('and %s without a word: nothing is sent twice', async (how) => {
    receiver.received.length = 0
    receiver.answer = (request, response) => {
      const { socket } = response
      const cut = how === 'closes' ? () => socket?.end() : () => socket?.resetAndDestroy()
      response.on('finish', () => setImmediate(cut))
      begun(request, response)
    }
    const store = storeAt(receiver.url)
    for (let n = 0; n < 10; n++) {
      const outcome = await store.write('key', chunksOf(content(2 * PART)), plain)
      expect(outcome).toMatchObject({ kind: 'delivered' })
    }
    store.close()
    // The begin, two parts, the end.
    expect(receiver.received).toHaveLength(40)
  })

  it('an error while a compressed part is under way', async () => {
    const random = Buffer.concat(Array.from({ length: 40 }, () => randomBytes(PART / 10)))
    const answer: Answer = (request, response) =>
      (request.url.includes('partNumber') ? error(403, 'AccessDenied') : begun)(request, response)
    receiver.answer = answer
    const store = storeAt(receiver.url)
    const zipped = { ...plain, compression: 'gzip' as const }
    expect(await store.write('key', chunksOf(random), zipped)).toMatchObject({ kind: 'refused' })
    store.close()
  })

  it('nothing to the begin of an upload, at first: what it began is cleared', async () => {
    let tries = 0
    const asked: string[] = []
    receiver.answer = (request, response) => {
      asked.push(`${request.method} ${request.url}`)
      if (request.method === 'POST' && request.url.includes('uploads') && tries++ === 0) {
        response.socket?.resetAndDestroy()
      } else if (request.method === 'GET') {
        const uploads = ['lost', 'other']
          .map(
            (id) =>
              `<Upload><Key>${id === 'lost' ? 'key' : id}</Key><UploadId>${id}</UploadId></Upload>`,
          )
          .join('')
        status(
          200,
          {},
          `<ListMultipartUploadsResult>${uploads}</ListMultipartUploadsResult>`,
        )(request, response)
      } else begun(request, response)
    }
    const store = storeAt(receiver.url)
    expect(await store.write('key', chunksOf(content(2 * PART)), plain)).toMatchObject({
      kind: 'delivered',
    })
    expect(asked.filter((line) => line.startsWith('DELETE'))).toEqual([
      expect.stringContaining('uploadId=lost'),
    ])
    store.close()
  })

  it.each([
    [501, 'NotImplemented'],
    [405, 'MethodNotAllowed'],
    [403, 'AccessDenied'],
  ])('that it lists no uploads (%i): they are not looked for', async (code, name) => {
    receiver.answer = error(code, name)
    const store = storeAt(receiver.url)
    expect(await store.discard('key', { uploadId: null, maySend: () => true })).toMatchObject({
      kind: 'refused',
    })
    store.close()
  })

  function endless(response: Parameters<Answer>[1]): void {
    while (response.write('x'.repeat(65_536)));
    response.once('drain', () => endless(response))
  }

  it.each(['http://127.0.0.1:9', 'http://localhost:9', 'http://[::1]:9'])(
    'at %s is not called where private addresses are not allowed',
    async (endpoint) => {
      const url = endpoint.replace(/9$/, String(receiver.port))
      const outcome = await ask(status(200), { allowPrivateTargets: false, endpoint: url })
      expect(outcome).toMatchObject({
        kind: 'unavailable',
        reason: expect.stringContaining('not a public address'),
      })
      expect(receiver.received).toEqual([])
    },
  )

  it('is not called without keys, unless the operator lends some', async () => {
    expect(await ask(status(200), { credentials: undefined })).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining('operator'),
    })
    expect(receiver.received).toEqual([])
  })
})
