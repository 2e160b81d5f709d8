// One event of the log, for an action that names its position.

import type { Db } from '../db/pool.ts'
import { ownRunOf, selectionOf } from '../delivery/configuration.ts'
import type { FoundConsumer } from '../delivery/subject.ts'
import { fault, invalid, MillraceError } from '../errors.ts'
import { isAlert } from '../log/alert.ts'
import type { LoggedEvent } from '../log/event.ts'
import { positionBefore } from '../log/position.ts'
import { readEvent, readEvents } from '../log/read.ts'

/** `now`: in ms. */
type Retention = { now: number; days: number }

/**
 * The event at a position, which is to go to a consumer, whatever its filter says. Throws
 * `not_found`; the message says if it is past the retention. Throws `invalid_request` for an alert
 * about that consumer.
 */
export async function eventAt(
  db: Db,
  { tenant, position, consumer }: { tenant: string; position: number; consumer: string },
  { now, days }: Retention,
): Promise<LoggedEvent> {
  const event = await readEvent(db, tenant, position)
  if (event && isAlert(event.name) && event.entityId === consumer) {
    const reason = `is that of an event about ${consumer}, which is never sent to it`
    throw invalid([fault('position', 'about_itself', reason)])
  }
  if (event) return event
  const isOld = position < positionBefore(now, days)
  const message = isOld
    ? `The event at position ${position} is older than the retention of ${days} days.`
    : `There is no event at position ${position}.`
  throw new MillraceError('not_found', message)
}

/** Whether the live stream of a consumer takes the event at a position, or passes over it. */
export async function isTaken(
  db: Db,
  tenant: string,
  position: number,
  { id: consumer, configuration }: FoundConsumer,
): Promise<boolean> {
  const run = ownRunOf(configuration)
  const selection = selectionOf({ configuration, terms: null, lease: { consumer, run } })
  const [row] = await readEvents(db, tenant, [position], selection)
  return row !== undefined && row.payload !== null
}
