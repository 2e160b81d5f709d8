// Reads ahead: while the window sends one page, the next one is on its way. Without that, the
// window ran dry at every second page, and a receiver that answers at once got 24,000 events/s
// instead of 33,000. For the cursor, events in the reader are not read yet, so the window, and the
// resends after a crash, stay small.

import { limits } from '../config.ts'
import type { Page, PageRow } from '../log/read.ts'

export type Reader = {
  /** The next rows, at most `room`, in the order of the log; asks for more when few are left. */
  take(room: number): PageRow[]
  /** New events may be in the log. */
  look(): void
  /** Nothing is held or requested, and as far as is known the log has nothing more. */
  readonly isEmpty: boolean
  /** A page is on its way. */
  readonly isReading: boolean
  /** Asks for no more pages. */
  close(): void
}

/**
 * A reader from a position on. `onPage` is called for each page, even an empty one; `onError` if a
 * page could not be read.
 */
export function createReader(options: {
  after: number
  read: (after: number) => Promise<Page>
  onPage: () => void
  onError: (error: Error) => void
}): Reader {
  let held: PageRow[] = []
  let heldBytes = 0
  let { after } = options
  let mayHaveMore = true
  let isReading = false
  let isClosed = false

  return {
    take(room) {
      const rows = held.splice(0, room)
      for (const row of rows) heldBytes -= row.payload?.length ?? 0
      ask()
      return rows
    },
    look() {
      mayHaveMore = true
    },
    get isEmpty() {
      return held.length === 0 && !isReading && !mayHaveMore
    },
    get isReading() {
      return isReading
    },
    close() {
      isClosed = true
    },
  }

  function ask(): void {
    const hasRoom = held.length <= limits.pageEvents / 2 && heldBytes <= limits.pageBytes / 2
    if (isClosed || isReading || !mayHaveMore || !hasRoom) return
    isReading = true
    // Before the read: a wake-up during the read asks for another one.
    mayHaveMore = false
    options.read(after).then(addPage, options.onError).finally(ended)
  }

  function addPage({ rows, isLast }: Page): void {
    const last = rows.at(-1)
    if (last) after = last.position
    held = held.concat(rows)
    for (const row of rows) heldBytes += row.payload?.length ?? 0
    if (!isLast) mayHaveMore = true
  }

  function ended(): void {
    isReading = false
    options.onPage()
  }
}
