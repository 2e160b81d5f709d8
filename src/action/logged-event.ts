// One event of the log, for an action that names its position.

import type { Db } from '../db/pool.ts'
import { ownRunOf, selectionOf } from '../delivery/configuration.ts'
import type { FoundConsumer } from '../delivery/subject.ts'
import { MillraceError } from '../errors.ts'
import type { LoggedEvent } from '../log/event.ts'
import { positionBefore } from '../log/position.ts'
import { readEvents } from '../log/read.ts'

/** `now`: in ms. */
type Retention = { now: number; days: number }

/** The event at a position. Throws `not_found`; the message says if it is past the retention. */
export async function eventAt(
  db: Db,
  tenant: string,
  position: number,
  { now, days }: Retention,
): Promise<LoggedEvent> {
  const [row] = await readEvents(db, tenant, [position], { filter: null, isLive: false })
  if (row && row.payload !== null) return { ...row, payload: row.payload }
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
