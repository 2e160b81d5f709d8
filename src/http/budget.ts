// Bounds what owners hold for a time, over all and per owner: the bytes of bodies in flight or of
// pages that are being sent, the places of searches and of bodies that are read as streams. An
// owner may hold an eighth of what is free (dynamic thresholds, Choudhury and Hahne). So one greedy
// owner holds a ninth of the whole, ten hold two thirds, and something is left for the next one.
// Without room a request waits in its owner's queue, and is refused after a while.

import { MillraceError } from '../errors.ts'

/** An owner may hold the free bytes divided by this. */
const PART = 8
/** How many requests of one owner, and of all, may wait, and for how long. */
const MOST_WAITING = 256
const MOST_WAITING_OF_ALL = 1_024
const LONGEST_WAIT_MS = 10_000
const NO_ROOM = 'Too many bytes of requests are in flight; try again.'

/** Gives back what was taken; once. */
export type Release = () => void

/** Registers an action for the end of a client. */
type OnGone = (act: () => void) => void

/**
 * Reserves an amount for an owner, at once or when it fits. Rejects with `overloaded` if too many
 * wait already, after ten seconds, or if the client has gone.
 */
export type Budget = (owner: string, amount: number, onGone: OnGone) => Release | Promise<Release>

type Waiting = { amount: number; grant: (release: Release) => void; timer: NodeJS.Timeout }

/**
 * A budget of `total`, in bytes or places. An owner that holds nothing may take any part of what is
 * free. `refusal`: the message if there is no room.
 */
export function createBudget(total: number, refusal = NO_ROOM): Budget {
  const held = new Map<string, number>()
  /** In the order of their turns; none is empty. */
  const lines = new Map<string, Waiting[]>()
  let used = 0
  let waiting = 0

  return (owner, amount, onGone) => {
    const release = lines.has(owner) ? undefined : takeNow(owner, amount)
    return release ?? wait(owner, amount, onGone)
  }

  function takeNow(owner: string, amount: number): Release | undefined {
    const own = held.get(owner) ?? 0
    const free = total - used
    if (amount > free || (own > 0 && own + amount > free / PART)) return undefined
    used += amount
    held.set(owner, own + amount)
    return () => giveBack(owner, amount)
  }

  function giveBack(owner: string, amount: number): void {
    const left = (held.get(owner) as number) - amount
    used -= amount
    if (left > 0) held.set(owner, left)
    else held.delete(owner)
    if (waiting > 0) serve()
  }

  function wait(owner: string, amount: number, onGone: OnGone): Promise<Release> {
    const line = lines.get(owner) ?? []
    if (line.length >= MOST_WAITING || waiting >= MOST_WAITING_OF_ALL) {
      return Promise.reject(overloaded(refusal))
    }
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        if (leave(owner, one)) reject(overloaded(refusal))
      }
      const one: Waiting = { amount, grant: resolve, timer: setTimeout(giveUp, LONGEST_WAIT_MS) }
      line.push(one)
      lines.set(owner, line)
      waiting++
      onGone(giveUp)
    })
  }

  /** The first of each queue that fits; then that owner's next turn comes after the others. */
  function serve(): void {
    for (const [owner, line] of [...lines]) {
      const first = line[0]
      const release = first && takeNow(owner, first.amount)
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
