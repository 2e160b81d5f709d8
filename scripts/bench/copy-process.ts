// The rival of an export, in a process of its own as the worker is: COPY makes the lines of a range
// as text, and they go as they come into the same upload, in files of the same size.

import pg from 'pg'
import { createS3, type S3Options } from '../../src/destination/s3.ts'
import { createPartBuffers } from '../../src/destination/s3-parts.ts'
import { serveCalls } from '../kit/remote.ts'

export type CopyCall = {
  url: string
  tenant: string
  from: number
  to: number
  maxBytes: number
  store: S3Options
}

/** What is held of the lines while the upload takes others. */
const HELD_BYTES = 4 * 1024 * 1024

serveCalls({
  ping: () => {},
  /** Copies the range, and says how many lines it had. */
  async copy({ url, tenant, from, to, maxBytes, store }: CopyCall): Promise<number> {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    const s3 = createS3(createPartBuffers(), store)
    const lines = linesOf(client, tenant, from, to)
    try {
      for (let file = 0; !lines.isOver(); file++) {
        const written = await s3.write(`copy/${file}`, lines.upTo(maxBytes), {
          compression: null,
          maySend: () => true,
          onBegun: async () => {},
        })
        if (written.kind !== 'delivered') throw new Error(JSON.stringify(written))
      }
      return lines.count()
    } finally {
      s3.close()
      await client.end()
    }
  },
})

/** The lines of a COPY as they come; its connection waits where nobody takes them. */
function linesOf(client: pg.Client, tenant: string, from: number, to: number) {
  const { stream } = (client as unknown as { connection: { stream: NodeJS.ReadStream } }).connection
  const held: Buffer[] = []
  let heldBytes = 0
  let count = 0
  let ended = false
  let failure: Error | undefined
  let wake = () => {}
  const literal = pg.escapeLiteral
  client.query({
    submit: (connection: { query(text: string): void }) =>
      // In CSV with delimiters that no JSON has, a line is the text itself.
      connection.query(`
        copy (
          select
            '{"tenant":"' || tenant || '","name":"' || name || '","published_at":"'
            || to_char(time_of(position) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            || '","payload":' || payload::text || '}'
          from event
          where tenant = ${literal(tenant)} and position between ${from} and ${to}
          order by position
        ) to stdout (format csv, quote e'\\x01', delimiter e'\\x02')`),
    handleCopyData({ chunk }: { chunk: Buffer }) {
      held.push(Buffer.from(chunk))
      heldBytes += chunk.length
      count++
      if (heldBytes > HELD_BYTES) stream.pause()
      wake()
    },
    handleCommandComplete: () => {},
    handleReadyForQuery: () => over(),
    handleError: (error: Error) => over(error),
  } as unknown as pg.Submittable)

  return {
    isOver: () => ended && held.length === 0,
    count: () => count,
    async *upTo(maxBytes: number): AsyncGenerator<Buffer> {
      let bytes = 0
      for (;;) {
        if (failure) throw failure
        const next = held[0]
        if (next === undefined) {
          if (ended) return
          stream.resume()
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        } else if (bytes > 0 && bytes + next.length > maxBytes) return
        else {
          const taken = take(maxBytes - bytes)
          bytes += taken.length
          yield taken
        }
      }
    },
  }

  function over(error?: Error): void {
    failure = error
    ended = true
    wake()
  }

  /** What is held, as far as there is room, in one piece: one at the least. */
  function take(room: number): Buffer {
    let bytes = 0
    let lines = 0
    for (const line of held) {
      if (lines > 0 && bytes + line.length > room) break
      bytes += line.length
      lines++
    }
    heldBytes -= bytes
    return Buffer.concat(held.splice(0, lines), bytes)
  }
}
