// Integrations of a tenant that have all caught up stand at the same position, and a wake-up makes
// all of them ask for what follows. Those that ask in the same turn of the event loop, with the
// same filter, get one page, read once. The statement leaves after the last of them has asked, so
// its snapshot is as new as each of them needs; an answer that was already on its way might miss
// the very event that one was woken for.

import type { Db } from '../db/pool.ts'
import { type Page, type PageRange, readPage } from '../log/read.ts'

export type ReadPage = (range: PageRange) => Promise<Page>

/**
 * readPage, shared. The `through` of the first one that asks holds for all: they follow the log.
 */
export function createSharedRead(db: Db): ReadPage {
  const asked = new Map<string, Promise<Page>>()
  return (range) => {
    const { tenant, after, filter } = range
    const key = JSON.stringify([tenant, after, filter])
    const same = asked.get(key)
    if (same) return same
    const page = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      asked.delete(key)
      return readPage(db, range)
    })
    asked.set(key, page)
    return page
  }
}
