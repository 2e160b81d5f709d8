// Bounds the bytes of bodies in flight, over all connections and per owner, and the number of those
// that are read as streams. An owner may hold an
// eighth of what is free (dynamic thresholds, Choudhury and Hahne). So one greedy owner holds a
// ninth of the whole, ten hold two thirds, and something is left for the next one. Without room a
// body waits in its owner's queue, and is refused after a while.

import { MillraceError } from '../errors.ts'

/** An owner may hold the free bytes divided by this. */
const PART = 8
/** How many bodies of one owner, and of all, may wait, and for how long. */
const MOST_WAITING = 256
const MOST_WAITING_OF_ALL = 1_024
const LONGEST_WAIT_MS = 10_000
const NO_ROOM = 'Too many bytes of requests are in flight; try again.'

/** Gives the bytes back; once. */
export type Release = () => void

/**
 * Reserves bytes for an owner, at once or when they fit. Rejects with `overloaded` if too many wait
 * already, after ten seconds, or if the client has gone (`onGone` registers the action for that).
 */
export type Budget = (
  owner: string,
  bytes: number,
  onGone: (act: () => void) => void,
) => Release | Promise<Release>

type Waiting = { bytes: number; grant: (release: Release) => void; timer: NodeJS.Timeout }

/**
 * A budget of `total` bytes, or of anything else that owners hold for a time. An owner that holds
 * nothing may take any part of what is free. `refusal`: the message if there is no room.
 */
export function createBudget(total: number, refusal = NO_ROOM): Budget {
  const held = new Map<string, number>()
  /** In the order of their turns; none is empty. */
  const lines = new Map<string, Waiting[]>()
  let used = 0
  let waiting = 0

  return (owner, bytes, onGone) => {
    const release = lines.has(owner) ? undefined : takeNow(owner, bytes)
    return release ?? wait(owner, bytes, onGone)
  }

  function takeNow(owner: string, bytes: number): Release | undefined {
    const own = held.get(owner) ?? 0
    const free = total - used
    if (bytes > free || (own > 0 && own + bytes > free / PART)) return undefined
    used += bytes
    held.set(owner, own + bytes)
    return () => giveBack(owner, bytes)
  }

  function giveBack(owner: string, bytes: number): void {
    const left = (held.get(owner) as number) - bytes
    used -= bytes
    if (left > 0) held.set(owner, left)
    else held.delete(owner)
    if (waiting > 0) serve()
  }

  function wait(owner: string, bytes: number, onGone: (act: () => void) => void): Promise<Release> {
    const line = lines.get(owner) ?? []
    if (line.length >= MOST_WAITING || waiting >= MOST_WAITING_OF_ALL) {
      return Promise.reject(overloaded(refusal))
    }
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        if (leave(owner, one)) reject(overloaded(refusal))
      }
      const one: Waiting = { bytes, grant: resolve, timer: setTimeout(giveUp, LONGEST_WAIT_MS) }
      line.push(one)
      lines.set(owner, line)
      waiting++
      onGone(giveUp)
    })
  }

  /** One body of each queue that fits; then that owner's next turn comes after the others. */
  function serve(): void {
    for (const [owner, line] of [...lines]) {
      const first = line[0]
      const release = first && takeNow(owner, first.bytes)
      if (!release) continue
      leave(owner, first)
      if (lines.delete(owner)) lines.set(owner, line)
      first.grant(release)
    }
  }

  /** Returns whether it was in its queue. */
  function leave(owner: string, one: Waiting): boolean {
    const line = lines.get(owner) ?? []
    const at = line.indexOf(one)
    if (at === -1) return false
    clearTimeout(one.timer)
    line.splice(at, 1)
    waiting--
    if (line.length === 0) lines.delete(owner)
    return true
  }
}

/** 503: there is no room; try again. */
function overloaded(message: string): MillraceError {
  return new MillraceError('overloaded', message, { retryAfterSeconds: 1 })
}
