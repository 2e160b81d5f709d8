// A follower of a tenant's log: every event after its position that passes its filter, in order,
// each once, for as long as its client takes them. It is at the tail, or behind it, or waits.
//
// Events become visible in the order of their positions. So a page that is the last one has
// everything up to where the tail was before the read, and the tail has the rest.

import { whileAway } from '../../db/while-away.ts'
import { passes, type SearchFilter } from '../filter.ts'
import type { CatchUp } from './catch-up.ts'
import { frameOf, heartbeatFrame, openingFrame } from './frame.ts'
import type { Tail, TailEvent } from './tail.ts'

/** A proxy or a client may give up a connection that is silent for half a minute. */
const HEARTBEAT_MS = 15_000
/** Frames are handed to the client's socket in pieces of this size, or of one event. */
const PIECE_BYTES = 64 * 1024
const SLICE_EVENTS = 500
/** Between two tries to read the log while the database is away. */
const PAUSE_MS = 1_000

/** Takes frames for a client. */
type Sink = {
  /** Resolves once the client may get more; with false if it is gone, or too slow. */
  write(frames: Buffer[]): Promise<boolean>
}

type Follower = {
  tenant: string
  filter: SearchFilter
  tail: Tail
  catchUp: CatchUp
  sink: Sink
  /** Aborted when the stream has ended, for any reason. */
  signal: AbortSignal
  /** Between two signs of life. */
  heartbeatMs?: number
}

/** Follows the log after a position, until the stream has ended. Rejects if there is a bug. */
export async function follow(follower: Follower, after: number): Promise<void> {
  const { tail, signal, heartbeatMs = HEARTBEAT_MS } = follower
  const out = createOutput(follower.sink)
  let position = after
  await out.write([openingFrame(after)])
  while (out.isOpen() && !signal.aborted) {
    const quietMs = out.quietMs()
    if (quietMs >= heartbeatMs) await out.write([heartbeatFrame(position)])
    else if (position < tail.base) position = await readPage(follower, position, out)
    else if (position < tail.through) {
      const { through } = tail
      const events = tail.after(position, SLICE_EVENTS)
      await out.write(framesOf(follower, events))
      position = events.length < SLICE_EVENTS ? through : (events.at(-1)?.position ?? through)
    } else await tail.grown(position, heartbeatMs - quietMs, signal)
  }
}

/** Sends a page from the database; resolves with the position up to which all was sent. */
async function readPage(follower: Follower, after: number, out: Output): Promise<number> {
  const { tenant, filter, tail, catchUp, signal } = follower
  const known = tail.through
  const page = await whileAway(() => catchUp.read({ tenant, filter, after }, signal), {
    pauseMs: () => PAUSE_MS,
    mayWait: () => !signal.aborted,
  })
  if (!page) return after
  const { rows, through, isLast, leave } = page
  try {
    const frames = rows.map(frameOf)
    // A large event keeps the next reader out until the socket has taken it.
    if (bytesOf(frames) <= 2 * PIECE_BYTES) leave()
    await out.write(frames)
  } finally {
    leave()
  }
  return isLast ? Math.max(through, known) : through
}

type Output = {
  /** Writes in pieces, as fast as the client takes them. */
  write(frames: Buffer[]): Promise<void>
  isOpen(): boolean
  /** The time since the last write. */
  quietMs(): number
}

function createOutput(sink: Sink): Output {
  let isOpen = true
  let writtenAt = performance.now()

  return {
    async write(frames) {
      for (let from = 0; isOpen && from < frames.length; ) {
        let bytes = 0
        let to = from
        do bytes += (frames[to++] as Buffer).length
        while (to < frames.length && bytes + (frames[to] as Buffer).length <= PIECE_BYTES)
        isOpen = await sink.write(frames.slice(from, to))
        writtenAt = performance.now()
        from = to
      }
    },
    isOpen: () => isOpen,
    quietMs: () => performance.now() - writtenAt,
  }
}

const framesOf = ({ filter }: Follower, events: TailEvent[]) =>
  events.filter((event) => passes(filter, event)).map(({ frame }) => frame)

const bytesOf = (frames: Buffer[]) => frames.reduce((sum, { length }) => sum + length, 0)
