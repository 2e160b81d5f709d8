// Appends the events of a bulk body in the order of its lines, whatever happens. One that Postgres
// refuses is found by halves, and fails alone.

import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError } from '../errors.ts'
import type { CheckedPublisher } from '../event-type/check.ts'
import type { NewEvent, Published } from '../log/event.ts'

/** While the queue is full, a body waits; how often it asks, and how long it waits between. */
const MOST_TRIES = 100
const PAUSE_MS = 100

/**
 * Appends events one after the other, and adds an outcome for each to `outcomes`: a refusal is one.
 * Resolves with undefined, or with the reason why the events without an outcome were not appended,
 * or are not known to be.
 */
export async function appendInOrder(
  publisher: CheckedPublisher,
  events: NewEvent[],
  outcomes: (Published | MillraceError)[],
): Promise<unknown> {
  if (events.length === 0) return undefined
  try {
    outcomes.push(...(await whileOverloaded(() => publisher.publishTogether(events))))
    return undefined
  } catch (error) {
    if (!isError(error, 'invalid_request')) return error
    if (events.length === 1) {
      outcomes.push(error)
      return undefined
    }
    const half = Math.ceil(events.length / 2)
    const failure = await appendInOrder(publisher, events.slice(0, half), outcomes)
    return failure ?? appendInOrder(publisher, events.slice(half), outcomes)
  }
}

/** A full queue has taken nothing: the body is slowed, and does not fail. */
async function whileOverloaded<T>(append: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await append()
    } catch (error) {
      if (!isError(error, 'overloaded') || tries === MOST_TRIES) throw error
    }
    await sleep(PAUSE_MS)
  }
}

function isError(error: unknown, code: MillraceError['code']): error is MillraceError {
  return error instanceof MillraceError && error.code === code
}
