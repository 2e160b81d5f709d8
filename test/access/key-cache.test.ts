// The cache of keys: asked once for many, bounded, and never older than a revocation that it saw.

import { describe, expect, it } from 'vitest'
import type { FoundKey } from '../../src/access/api-key.ts'
import { createKeyCache } from '../../src/access/key-cache.ts'

const aKey = (id: string) => ({ id }) as FoundKey

describe('a cache of keys', () => {
  it('asks once for many, and then answers without a promise', async () => {
    let asked = 0
    const cache = createKeyCache(async (id) => {
      asked++
      return aKey(id)
    })
    await Promise.all(Array.from({ length: 50 }, () => cache.find('a')))
    expect(cache.find('a')).toEqual(aKey('a'))
    expect(asked).toBe(1)
    cache.forget('a')
    await cache.find('a')
    expect(asked).toBe(2)
  })

  it('does not keep what was asked before the key was forgotten', async () => {
    let answer = (_: FoundKey) => {}
    const cache = createKeyCache(
      () =>
        new Promise((resolve) => {
          answer = resolve
        }),
    )
    const first = cache.find('a')
    cache.forget('a')
    answer(aKey('a'))
    await first
    expect(cache.find('a')).toBeInstanceOf(Promise)
  })

  it('keeps the keys that are used, not more than it may, and no unknown ones', async () => {
    const known = (id: string) => !id.startsWith('unknown')
    const cache = createKeyCache(async (id) => (known(id) ? aKey(id) : undefined))
    await cache.find('used')
    for (let i = 0; i < 6_000; i++) {
      await cache.find(`key-${i}`)
      await cache.find(`unknown-${i}`)
      cache.find('used')
    }
    expect(cache.find('used')).toEqual(aKey('used'))
    expect(cache.find('key-5999')).toEqual(aKey('key-5999'))
    expect(cache.find('key-0')).toBeInstanceOf(Promise)
    expect(cache.find('unknown-5999')).toBeInstanceOf(Promise)
  })

  it('says that it cannot know, where the database does not answer, and asks again', async () => {
    let isDown = true
    const cache = createKeyCache(async (id) => {
      if (isDown) throw new Error('connection refused')
      return aKey(id)
    })
    await expect(cache.find('a')).rejects.toMatchObject({ code: 'unavailable', status: 503 })
    isDown = false
    expect(await cache.find('a')).toEqual(aKey('a'))
  })
})
