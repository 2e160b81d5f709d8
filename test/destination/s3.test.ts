// The store of files against real S3 servers: what is written, what is left where it fails, and
// what is never called.

import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FileStore } from '../../src/destination/destination.ts'
import { createS3, type S3Options } from '../../src/destination/s3.ts'
import { createPartBuffers } from '../../src/destination/s3-parts.ts'
import { startProxy } from '../helpers/proxy.ts'
import { type Answer, type Receiver, startReceiver, status } from '../helpers/receiver.ts'
import { keys, type Store, startStore, storeKinds } from '../helpers/store.ts'

const BUCKET = 'files'
const PART = 5 * 1024 * 1024
const partBuffers = createPartBuffers()
const plain = { compression: null, mayGo: () => true, onBegun: async () => {} }

const storeAt = (endpoint: string, more: Partial<S3Options> = {}): FileStore =>
  createS3(partBuffers, {
    region: 'us-east-1',
    bucket: BUCKET,
    credentials: keys,
    endpoint,
    forcePathStyle: true,
    timeoutMs: 1_000,
    allowPrivateTargets: true,
    allowDefaultCredentials: false,
    ...more,
  })

/** Chunks of one buffer that is used again. */
async function* chunksOf(content: Buffer, size = 300_000): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(size)
  for (let offset = 0; offset < content.length; offset += size) {
    yield buffer.subarray(0, content.copy(buffer, 0, offset))
  }
}

function content(length: number): Buffer {
  return Buffer.alloc(length, createHash('sha512').update(String(length)).digest('base64'))
}

describe.each(storeKinds)('%s', (kind) => {
  let server: Store
  let store: FileStore
  beforeAll(async () => {
    server = await startStore(kind)
    await server.createBucket(BUCKET)
    store = storeAt(server.endpoint)
  })
  afterAll(async () => {
    store.close()
    await server.close()
  })

  it.each([0, 1, PART - 1, PART, PART + 1, 2 * PART, 3 * PART + 7])(
    'writes %i bytes as they are',
    async (length) => {
      const body = content(length)
      const key = `a/b/${length}.export`
      const sha256 = createHash('sha256').update(body).digest()
      const written = await store.write(key, chunksOf(body), plain)
      expect(written).toEqual({ kind: 'delivered', bytes: length, sha256 })
      const read = await server.read(BUCKET, key)
      expect(read.body.equals(body)).toBe(true)
      expect(await server.unfinished(BUCKET)).toEqual([])
    },
  )

  it('compresses, and writes the same bytes again', async () => {
    const body = content(3 * PART)
    const zipped = { ...plain, compression: 'gzip' as const }
    const first = await store.write('zipped', chunksOf(body), zipped)
    const second = await store.write('zipped', chunksOf(body, 70_000), zipped)
    expect(second).toEqual(first)
    const read = await server.read(BUCKET, 'zipped')
    expect(read.encoding).toBe('gzip')
    expect(gunzipSync(read.body).equals(body)).toBe(true)
    expect(first).toMatchObject({
      bytes: read.body.length,
      sha256: createHash('sha256').update(read.body).digest(),
    })
  })

  it.each([0, 2 * PART])('leaves nothing where its source fails after %i bytes', async (length) => {
    async function* failing() {
      yield* chunksOf(content(length))
      throw new Error('the database is away')
    }
    for (const compression of [null, 'gzip'] as const) {
      const writing = store.write('failing', failing(), { ...plain, compression })
      await expect(writing).rejects.toThrow('the database is away')
    }
    expect(await server.keys(BUCKET)).not.toContain('failing')
    expect(await server.unfinished(BUCKET)).toEqual([])
  })

  it('sends nothing where nothing may leave, and clears what it has sent', async () => {
    let asked = 0
    const halting = { ...plain, mayGo: () => ++asked <= 3 }
    const halted = await store.write('halted', chunksOf(content(4 * PART)), halting)
    expect(halted).toEqual({ kind: 'halted' })
    expect(await server.keys(BUCKET)).not.toContain('halted')
    expect(await server.unfinished(BUCKET)).toEqual([])
  })

  it('is cut off in the middle, and discards by the key what it could not clear', async () => {
    const proxy = await startProxy(server.endpoint)
    const cut = storeAt(proxy.url)
    async function* cutting() {
      yield* chunksOf(content(2 * PART + 1))
      proxy.isDown = true
      yield* chunksOf(content(2 * PART))
    }
    let uploadId: string | null = null
    const onBegun = async (id: string) => {
      // The one of npm does not list them: they are found by their names.
      if (kind === 'fauxqs') uploadId = id
    }
    const cutOff = await cut.write('left', cutting(), { ...plain, onBegun })
    expect(cutOff).toMatchObject({ kind: 'unavailable' })
    expect(await server.unfinished(BUCKET)).toEqual(['left'])
    const { mayGo } = plain
    expect(await store.discard('lef', { uploadId: null, mayGo })).toBeUndefined()
    expect(await server.unfinished(BUCKET)).toEqual(['left'])
    expect(await store.discard('left', { uploadId, mayGo })).toBeUndefined()
    expect(await server.unfinished(BUCKET)).toEqual([])
    // What is gone already needs no clearing.
    expect(await store.discard('left', { uploadId: uploadId || 'x', mayGo })).toBeUndefined()
    cut.close()
    await proxy.close()
  })

  it('says that a bucket is missing', async () => {
    const missing = storeAt(server.endpoint, { bucket: 'missing' })
    for (const length of [1, 2 * PART]) {
      expect(await missing.write('key', chunksOf(content(length)), plain)).toMatchObject({
        kind: 'refused',
        status: 404,
        reason: expect.stringMatching(/^Upload to s3:\/\/missing\/key failed.*404.*NoSuchBucket/),
      })
    }
    missing.close()
  })

  // The one of npm takes any key.
  const wrongKeys = kind === 'radosgw' ? [['secretAccessKey'], ['accessKeyId']] : []
  it.each(wrongKeys)('says that %s is wrong', async (name) => {
    const wrong = storeAt(server.endpoint, { credentials: { ...keys, [name as string]: 'other' } })
    expect(await wrong.write('key', chunksOf(content(1)), plain)).toMatchObject({
      kind: 'refused',
      status: 403,
    })
    wrong.close()
  })
})

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

  const nothing: [string, Answer][] = [
    ['nothing', () => {}],
    ['a reset', (_, response) => response.socket?.resetAndDestroy()],
    ['no XML', status(200, { etag: '"x"' }, 'x'.repeat(10))],
    ['no end', (_, response) => endless(response)],
  ]
  it.each(nothing)('%s: to be tried again', async (_, answer) => {
    const outcome = await ask(answer, {}, 2 * PART)
    expect(outcome).toMatchObject({ kind: 'unavailable' })
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
