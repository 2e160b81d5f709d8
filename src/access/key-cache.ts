// A cache of API keys for some seconds, so that publishing does not query the database for each
// request. The process that revokes a key refuses it at once, every other one within KEY_CACHE_MS.

import { MillraceError } from '../errors.ts'
import type { FoundKey } from './api-key.ts'

/** How long a cached key is valid. */
export const KEY_CACHE_MS = 3_000
const LARGEST = 5_000

type Entry = { key: FoundKey; until: number }

export type KeyCache = {
  /** The key, at once if it is cached; undefined if there is none. */
  find(id: string): FoundKey | Promise<FoundKey | undefined>
  forget(id: string): void
}

/**
 * A cache in front of `load`. It does not keep unknown ids: so a new key works at once on every
 * process, and guesses cannot evict keys.
 */
export function createKeyCache(load: (id: string) => Promise<FoundKey | undefined>): KeyCache {
  /** In order of use, least recent first. */
  const entries = new Map<string, Entry>()
  /** One query at a time for a key, however many requests wait for it. */
  const loading = new Map<string, Promise<FoundKey | undefined>>()

  return {
    find(id) {
      const entry = entries.get(id)
      if (entry && entry.until > performance.now()) {
        entries.delete(id)
        entries.set(id, entry)
        return entry.key
      }
      return loading.get(id) ?? ask(id)
    },
    forget(id) {
      entries.delete(id)
      loading.delete(id)
    },
  }

  function ask(id: string): Promise<FoundKey | undefined> {
    // Counted from the query, not from its answer, which may be as old.
    const until = performance.now() + KEY_CACHE_MS
    const asked = load(id)
      .catch((cause) => {
        const message = 'The token cannot be looked up now; try again.'
        throw new MillraceError('unavailable', message, { cause, retryAfterSeconds: 1 })
      })
      .then((key) => {
        const isForgotten = loading.get(id) !== asked
        if (key && !isForgotten) remember(id, { key, until })
        return key
      })
      .finally(() => {
        if (loading.get(id) === asked) loading.delete(id)
      })
    loading.set(id, asked)
    return asked
  }

  function remember(id: string, entry: Entry): void {
    entries.delete(id)
    entries.set(id, entry)
    if (entries.size > LARGEST) entries.delete(entries.keys().next().value as string)
  }
}
