// Advancing one consumer: the heart of delivery. A turn takes the lease of a cursor and hands it to
// what its kind needs: send.ts sends events one by one, files/export.ts writes files, project.ts
// writes tables of ours. One that sends reads pages of the log into a window, sends what the window
// offers, and writes progress every 250 ms or 200 events. Why nothing is lost, by crash point:
//   before the send: the event is above read_position or in `unresolved`; the next turn sends it.
//   after the send, before the step: the same; the target sees it twice (at least once).
//   after a 400, before it is kept: the same; it is kept once, its position being unique there.
//   in the middle of a step: a step is one statement.
// A frozen process wakes up past its deadline: it sends nothing more, and its writes name an old
// epoch. A failure that is to be retried closes the line: what is in flight finishes, the cursor
// keeps the count and the time, and the next turn, as configured then, sends the oldest one alone.

import type { AdvanceJob } from '../db/jobs.ts'
import type { Presence } from '../db/presence.ts'
import { takeLease } from './cursor.ts'
import { exportFiles } from './files/export.ts'
import type { ExportServices } from './files/exporting.ts'
import { takeUntilDeadline } from './held-lease.ts'
import { type ProjectServices, project } from './project.ts'
import { type SendServices, sendEvents } from './send.ts'
import type { Slot, TurnResult } from './turn.ts'

export type AdvanceServices = {
  /** Leases are taken under it; without it, none. */
  presence: Pick<Presence, 'session'>
  sending: SendServices
  exporting: ExportServices
  projecting: ProjectServices
}

/** Advances the cursor of `job` until there is nothing to do, or until it must end. */
export async function advance(
  { presence, sending, exporting, projecting }: AdvanceServices,
  job: AdvanceJob,
  slot: Slot,
): Promise<TurnResult> {
  const { db, leaseMs } = sending
  const taken = await takeUntilDeadline(presence.session(), leaseMs, (owner) =>
    takeLease(db, job, owner, leaseMs),
  )
  if (!taken) return { kind: 'busy' }
  const { leased, deadline } = taken
  const { configuration } = leased
  if (configuration.kind === 'projection') return project(projecting, leased, deadline, slot)
  if (configuration.kind === 'integration' && configuration.document.s3_parameters) {
    return exportFiles(exporting, { ...leased, configuration }, deadline, slot)
  }
  return sendEvents(sending, { ...leased, configuration }, deadline, slot)
}
