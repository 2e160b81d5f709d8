// A process with the two loads that bulk publishing is compared with: bulk bodies over HTTP, and
// the bare append of the same events in batches, without HTTP.

import '../../src/heap.js'
import { openDatabase } from '../../src/db/pool.ts'
import { appendEvents } from '../../src/log/append.ts'
import { createLogger } from '../../src/logger.ts'
import { sendLines } from '../kit/bulk.ts'
import { serveCalls } from '../kit/remote.ts'
import { bulkLine } from './bulk-line.ts'
import { newEvents } from './events.ts'

const BATCH = 500
const ENTITIES = 64

export type BulkLoad = { url: string; token: string; from: number; count: number }
export type BareLoad = { databaseUrl: string; from: number; count: number }

serveCalls({ ping: () => {}, bulk, bare })

/** Publishes events as one body; events a second. */
async function bulk({ url, token, from, count }: BulkLoad): Promise<number> {
  const started = performance.now()
  let appended = 0
  const { answers } = await sendLines(linesOf(from, count), {
    url,
    token,
    onAnswer(line) {
      if (line.endsWith('"duplicate":false}')) appended++
    },
  })
  if (appended !== count)
    throw new Error(`Of ${count} lines ${answers} were answered, ${appended} new.`)
  return (count * 1000) / (performance.now() - started)
}

function* linesOf(from: number, count: number): Iterable<Buffer> {
  for (let i = from; i < from + count; i++) yield bulkLine(i, ENTITIES)
}

/** Appends the same in batches on one connection; events a second. */
async function bare({ databaseUrl, from, count }: BareLoad): Promise<number> {
  const logger = createLogger('error')
  const options = { durability: 'durable', max: 1, logger } as const
  const { pool, close } = openDatabase(databaseUrl, options)
  try {
    await pool.query('select')
    const started = performance.now()
    for (let done = 0; done < count; done += BATCH) {
      const size = Math.min(BATCH, count - done)
      await appendEvents(pool, newEvents(size, { entities: ENTITIES, from: from + done }))
    }
    return (count * 1000) / (performance.now() - started)
  } finally {
    await close()
  }
}
