// Advances one consumer: the heart of delivery. A turn takes the lease of a cursor and passes it on
// by kind: send.ts sends single events, files/export.ts writes files, project.ts writes our own
// tables. send.ts reads pages of the log into a window, sends what the window offers, and writes
// progress every 250 ms or 200 events. Why no crash loses an event:
// * before the send: the event is above read_position or in `unresolved`; the next turn sends it.
// * after the send, before the step: the same; the target sees it twice (at least once).
// * after a 400, before it is kept: the same; it is kept once, since its position is unique there.
// * in the middle of a step: a step is one statement.
// A frozen process wakes up past its deadline: it sends nothing more, and its writes are refused,
// since they name an old epoch. A failure to be retried halts the cursor: events in flight finish,
// the cursor stores the count and the time, and the next turn sends the oldest event alone, under
// the configuration that holds by then.

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
  /** Leases are taken under it; without it, none are. */
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
