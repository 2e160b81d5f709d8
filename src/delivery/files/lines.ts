// The lines of a file, page by page, in the order of the log: webhook bodies, each with its trace
// if it has one. A payload published in several lines becomes one: JSON has line breaks only
// between tokens, and each of them becomes a space.

import type pg from 'pg'
import { limits } from '../../config.ts'
import { headOfLine } from '../../destination/body.ts'
import { timeOf } from '../../log/position.ts'
import { type RawRow, readRaw } from '../../log/raw.ts'
import type { OpenFile } from './manifest.ts'
import { planFile } from './plan.ts'

const CHUNK_BYTES = 512 * 1024
const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20

/** The events read so far. */
export type Content = {
  /** The positions of the events, in order, 8 bytes each, to compute their latency. */
  positions: number[]
  filtered: number
}

/**
 * The lines of a file; their contents are recorded in `content`. `ends` are the planned ends of its
 * pages; undefined if an earlier turn has planned it. A buffer is reused once the next one is
 * requested.
 */
export type LineReader = (
  of: { tenant: string; run: number },
  file: OpenFile,
  content: Content,
  ends?: number[],
) => AsyncGenerator<Buffer>

/** The same lines; undefined if there are none. */
export async function unlessEmpty(
  lines: AsyncGenerator<Buffer>,
): Promise<AsyncGenerator<Buffer> | undefined> {
  const { done, value } = await lines.next()
  return done ? undefined : follow(value, lines)
}

async function* follow(first: Buffer, lines: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield first
  yield* lines
}

/** A reader whose files share their buffers, one after the other. */
export function createLineReader(pool: pg.Pool): LineReader {
  const free: Chunks[] = []
  const take = () => free.pop() ?? createChunks()

  return async function* read({ tenant, run }, file, content, planned) {
    const { fromPosition: after, toPosition: through, filter } = file
    const range = { tenant, after, through, filter, isLive: run === 0 }
    const all = { ...range, maxBytes: Number.MAX_SAFE_INTEGER }
    const ends = planned ?? (await planFile(pool, all)).ends
    // The next page is on its way while the lines of this one are sent.
    let [chunks, nextChunks] = [take(), take()]
    let page = readPage(0, chunks)
    try {
      for (let i = 0; i < ends.length; i++) {
        await page
        if (i + 1 < ends.length) page = readPage(i + 1, nextChunks)
        yield* chunks.filled()
        ;[chunks, nextChunks] = [nextChunks, chunks]
      }
    } finally {
      // An abandoned file may have a page on its way, into one of the buffers.
      const giveBack = () => free.push(chunks, nextChunks)
      page.then(giveBack, giveBack)
    }

    function readPage(index: number, into: Chunks): Promise<void> {
      into.clear()
      const end = ends[index]
      if (end === undefined) return Promise.resolve()
      const before = ends[index - 1] ?? after
      const within = { ...range, after: before, through: end }
      const page = readRaw(pool, within, limits.pageEvents, (row) => add(row, into))
      page.catch(() => {}) // its awaiter gets the error, too; an abandoned file has none
      return page
    }

    function add({ position, name, traceparent, payload }: RawRow, into: Chunks): void {
      if (!payload) {
        content.filtered++
        return
      }
      content.positions.push(position)
      into.add(headOfLine({ tenant, name, publishedAt: timeOf(position), traceparent }), payload)
    }
  }
}

type Chunks = {
  clear(): void
  add(head: string, payload: Buffer): void
  filled(): Buffer[]
}

/** Lines in a few buffers, which are reused. */
function createChunks(): Chunks {
  const buffers: Buffer[] = []
  let chunks: { buffer: Buffer; used: number }[] = []

  return {
    clear() {
      chunks = []
    },
    add(head, payload) {
      const { length } = payload
      const chunk = chunkFor(head.length + length + 2)
      const { buffer } = chunk
      chunk.used += buffer.write(head, chunk.used, 'latin1')
      payload.copy(buffer, chunk.used)
      unbreak(buffer.subarray(chunk.used, chunk.used + length))
      chunk.used += length
      chunk.used += buffer.write('}\n', chunk.used, 'latin1')
    },
    filled: () => chunks.map(({ buffer, used }) => buffer.subarray(0, used)),
  }

  function chunkFor(size: number) {
    const last = chunks.at(-1)
    if (last && last.used + size <= last.buffer.length) return last
    const chunk = { buffer: bufferFor(size), used: 0 }
    chunks.push(chunk)
    return chunk
  }

  function bufferFor(size: number): Buffer {
    if (size >= CHUNK_BYTES) return Buffer.allocUnsafeSlow(size)
    const next = chunks.filter(({ buffer }) => buffer.length === CHUNK_BYTES).length
    buffers[next] ??= Buffer.allocUnsafeSlow(CHUNK_BYTES)
    return buffers[next]
  }
}

/** Turns it into one line of the same length. */
function unbreak(payload: Buffer): void {
  for (const breaking of [LF, CR]) {
    for (let at = payload.indexOf(breaking); at !== -1; at = payload.indexOf(breaking, at)) {
      payload[at] = SPACE
    }
  }
}
