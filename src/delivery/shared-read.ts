// Shares reads of the log. Integrations of a tenant that have caught up are at the same position,
// and a wake-up makes all of them read. Requests with the same filter in one turn of the event loop
// share one page. The statement leaves after the last request, so its snapshot is recent enough for
// each: an answer already on its way could miss the event that caused the wake-up.

import type { Db } from '../db/pool.ts'
import { type Page, type PageRange, readPage } from '../log/read.ts'

export type ReadPage = (range: PageRange) => Promise<Page>

/** readPage, shared. The first request's `through` holds for all: they follow the log. */
export function createSharedRead(db: Db): ReadPage {
  const asked = new Map<string, Promise<Page>>()
  return (range) => {
    const { tenant, after, filter, isLive } = range
    const key = JSON.stringify([tenant, after, filter, isLive])
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
