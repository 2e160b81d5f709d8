// The store of files against real S3 servers: what is written, what is left where it fails, and
// what is never called.

import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keys, type Store, startStore, storeKinds } from '../../scripts/kit/store.ts'
import type { FileStore } from '../../src/destination/destination.ts'
import { tellNotRun } from '../helpers/not-run.ts'
import { startProxy } from '../helpers/proxy.ts'
import { BUCKET, chunksOf, content, PART, plain, storeAt } from '../helpers/s3.ts'

if (!storeKinds.includes('radosgw')) {
  tellNotRun('radosgw is not installed: files are written to the store of npm only')
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
    const halting = { ...plain, maySend: () => ++asked <= 3 }
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
    const { maySend } = plain
    expect(await store.discard('lef', { uploadId: null, maySend })).toBeUndefined()
    expect(await server.unfinished(BUCKET)).toEqual(['left'])
    expect(await store.discard('left', { uploadId, maySend })).toBeUndefined()
    expect(await server.unfinished(BUCKET)).toEqual([])
    // What is gone already needs no clearing.
    expect(await store.discard('left', { uploadId: uploadId || 'x', maySend })).toBeUndefined()
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

  // Those of the one of npm are in every region: s3-answers.test.ts has the answers of AWS.
  const elsewhere = kind === 'radosgw' ? ['another region'] : []
  it.each(elsewhere)('says that a bucket is in %s', async () => {
    await server.createBucket('elsewhere')
    const there = storeAt(server.endpoint, { bucket: 'elsewhere' })
    expect(await there.write('key', chunksOf(content(1)), plain)).toMatchObject({
      kind: 'delivered',
    })
    await server.moveBucket?.('elsewhere')
    for (const length of [1, 2 * PART]) {
      expect(await there.write('key', chunksOf(content(length)), plain)).toMatchObject({
        kind: 'refused',
        status: 301,
        reason: expect.stringMatching(/moved permanently.*301.*the bucket is in another region$/),
      })
    }
    there.close()
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
