// What a publishing process knows of the registered types: how long, how much, and without a
// database.

import { describe, expect, it, vi } from 'vitest'
import { limits } from '../../src/config.ts'
import { createTypeCache } from '../../src/event-type/cache.ts'
import type { StoredType } from '../../src/event-type/registered.ts'

const type = (version = 1, schema = '{"required":["id"]}'): StoredType => ({
  name: 'a.b',
  version,
  on_violation: 'reject',
  schema,
})

/** A database that answers what it is given, and counts. */
function source(answer: StoredType[] = []) {
  const asked: string[] = []
  const state = { answer, failure: undefined as Error | undefined, asked }
  const load = async (tenant: string) => {
    asked.push(tenant)
    if (state.failure) throw state.failure
    return state.answer
  }
  return { state, load }
}

/** The clock of the cache, which the test moves. */
function useClock(start: number) {
  let now = start
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  return {
    pass: (ms: number) => {
      now += ms
    },
    restore: () => vi.restoreAllMocks(),
  }
}

describe('the cache of registered types', () => {
  it('asks once for a tenant, however many events wait, and then answers at once', async () => {
    const { state, load } = source([type()])
    const cache = createTypeCache(load)
    const found = await Promise.all(Array.from({ length: 50 }, () => cache.find('t', 'a.b')))
    expect(state.asked).toEqual(['t'])
    expect(cache.find('t', 'a.b')).toBe(found[0])
    expect(cache.find('t', 'a.c')).toBeUndefined()
  })

  it('knows a change of its own at once, also if a reading is under way', async () => {
    const { state, load } = source([type(1)])
    const cache = createTypeCache(load)
    const before = cache.find('t', 'a.b')
    cache.forget('t')
    state.answer = [type(2)]
    expect((await cache.find('t', 'a.b'))?.version).toBe(2)
    expect((await before)?.version).toBe(1)
    expect((await cache.find('t', 'a.b'))?.version).toBe(2)
  })

  it('reads ahead for a busy tenant, and anew for one that was idle', async () => {
    const clock = useClock(1_000)
    try {
      const { state, load } = source([type(1)])
      const cache = createTypeCache(load)
      await cache.find('t', 'a.b')
      clock.pass(2_000)
      state.answer = [type(2)]
      expect(cache.find('t', 'a.b')).toMatchObject({ version: 1 })
      await vi.waitFor(() => expect(cache.find('t', 'a.b')).toMatchObject({ version: 2 }))
      clock.pass(60_000)
      state.answer = [type(3)]
      expect((await cache.find('t', 'a.b'))?.version).toBe(3)
      expect(state.asked).toHaveLength(3)
    } finally {
      clock.restore()
    }
  })

  it('keeps what is compiled as long as its version stays', async () => {
    const { state, load } = source([type(1)])
    const cache = createTypeCache(load)
    const first = await cache.find('t', 'a.b')
    expect(first?.check({}, 2)).toHaveLength(1)
    const clock = useClock(performance.now() + 60_000)
    try {
      expect(await cache.find('t', 'a.b')).toBe(first)
      clock.pass(60_000)
      state.answer = [type(2)]
      expect(await cache.find('t', 'a.b')).not.toBe(first)
    } finally {
      clock.restore()
    }
  })

  it('goes by what it read last if the database fails or is slow', async () => {
    const clock = useClock(1_000)
    try {
      const { state, load } = source([type(1)])
      const cache = createTypeCache(load)
      await cache.find('t', 'a.b')
      state.failure = new Error('away')
      clock.pass(60_000)
      expect((await cache.find('t', 'a.b'))?.version).toBe(1)
      // For a second it does not even ask.
      expect(cache.find('t', 'a.b')).toMatchObject({ version: 1 })
    } finally {
      clock.restore()
    }
    const slow = createTypeCache(
      vi
        .fn()
        .mockResolvedValueOnce([type(1)])
        .mockReturnValue(new Promise(() => {})),
    )
    await slow.find('t', 'a.b')
    const later = useClock(performance.now() + 60_000)
    try {
      expect((await slow.find('t', 'a.b'))?.version).toBe(1)
    } finally {
      later.restore()
    }
  })

  it('lets nothing pass if it never read anything', async () => {
    const { state, load } = source()
    state.failure = new Error('away')
    const cache = createTypeCache(load)
    await expect(cache.find('t', 'a.b')).rejects.toMatchObject({ code: 'unavailable' })
    state.failure = undefined
    expect(await cache.find('t', 'a.b')).toBeUndefined()
  })

  it('is bounded in bytes, the least used tenants first', async () => {
    const { state, load } = source([type(1, `{"title":"${'x'.repeat(1_000_000)}"}`)])
    const cache = createTypeCache(load)
    const most = Math.floor(limits.cachedTypesBytes / 1_000_000)
    for (let n = 0; n < most; n++) await cache.find(`t${n}`, 'a.b')
    expect(cache.find('t0', 'a.b')).not.toBeInstanceOf(Promise)
    await cache.find('one more', 'a.b')
    state.asked.length = 0
    expect(cache.find('t0', 'a.b')).not.toBeInstanceOf(Promise)
    await cache.find('t1', 'a.b')
    expect(state.asked).toEqual(['t1'])
  })

  it('refuses events whose stored schema is not one', async () => {
    const cache = createTypeCache(source([type(1, '{"type":"text"}')]).load)
    const found = await cache.find('t', 'a.b')
    expect(() => found?.check({}, 2)).toThrow(
      /registered schema of a.b is not one.*Register it anew/,
    )
  })
})
