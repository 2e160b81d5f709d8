// API keys that were looked up in the last seconds, so that publishing does not ask the database
// for each request. A key that is revoked is refused at once by the process that revoked it, and
// within KEY_CACHE_MS by every other.

import { MillraceError } from '../errors.ts'
import type { FoundKey } from './api-key.ts'

/** How long a key that was found is taken for what it was. */
export const KEY_CACHE_MS = 3_000
const LARGEST = 5_000

type Entry = { key: FoundKey; until: number }

export type KeyCache = {
  /** The key, at once where it is fresh; undefined: there is none. */
  find(id: string): FoundKey | Promise<FoundKey | undefined>
  forget(id: string): void
}

/**
 * A cache in front of `load`. Unknown ids are not kept: a new key works at once on every process,
 * and guesses cannot push keys out.
 */
export function createKeyCache(load: (id: string) => Promise<FoundKey | undefined>): KeyCache {
  /** In the order of use, the oldest first. */
  const entries = new Map<string, Entry>()
  /** One question at a time for a key, however many requests wait for it. */
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
    // Counted from the question, not from the answer: what it says may be that old.
    const until = performance.now() + KEY_CACHE_MS
    const asked = load(id)
      .catch((cause) => {
        const message = 'The token cannot be looked up just now.'
        throw new MillraceError('unavailable', message, { cause, retryAfterSeconds: 1 })
      })
      .then((key) => {
        const isForgotten = loading.get(id) !== asked
        if (key && !isForgotten) keep(id, { key, until })
        return key
      })
      .finally(() => {
        if (loading.get(id) === asked) loading.delete(id)
      })
    loading.set(id, asked)
    return asked
  }

  function keep(id: string, entry: Entry): void {
    entries.delete(id)
    entries.set(id, entry)
    if (entries.size > LARGEST) entries.delete(entries.keys().next().value as string)
  }
}
