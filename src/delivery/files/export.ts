// A turn that writes files. The events of a file stay in the log until it is due: 5 minutes after
// its first event, or when the next event does not fit, or when no more can come (a stop, the end
// of a replay). Until then nobody holds the lease; the cursor says when to look again. next-file.ts
// begins the due file, write-file.ts writes it. Why no crash puts an event into two files, or none:
// * before the manifest: nothing has happened.
// * after it, during or after the upload: the manifest is open; the next turn aborts the upload and
//   writes the same file under the same key.
// * at the end: one statement, which checks the epoch, finishes the manifest and moves the cursor.
// A frozen process sends nothing past its deadline. If a request of it is under way just then, it
// can only write the very same file.

import type { Deadline } from '../deadline.ts'
import { createEnding, type Reason } from '../ending.ts'
import { holdCursor } from '../held-lease.ts'
import { createProgress } from '../progress.ts'
import { release } from '../release.ts'
import { SLICE_MS, type Slot, type Turn, type TurnResult } from '../turn.ts'
import {
  cutOff,
  type Exporting,
  type ExportLease,
  type ExportServices,
  fileStepOf,
  halt,
  lose,
} from './exporting.ts'
import { findOpenFile } from './manifest.ts'
import { nextFile } from './next-file.ts'
import { writeFile } from './write-file.ts'

/** Writes the due files, one after the other, and releases the lease. Like advance(). */
export async function exportFiles(
  services: ExportServices,
  leased: ExportLease,
  deadline: Deadline,
  slot: Slot,
): Promise<TurnResult> {
  const { lease, finishBy } = leased
  const turn = begin(services, leased, deadline)
  const { ending } = turn
  const held = holdCursor(services, lease, deadline, {
    lost: () => lose(turn),
    // A turn that writes a last file already knows of the stop.
    stopped: () => finishBy === null && halt(turn),
  })
  slot.attach(handleOf(turn))
  await writeUntilEnd(turn, slot).catch(ending.breakOff)
  await held.end()
  turn.store?.close()
  return release(services, lease, {
    reason: ending.reason as Reason,
    attempts: turn.progress.attempts,
    failing: turn.failing,
    stepOf: (attempts) => fileStepOf(turn, attempts),
  })
}

function begin(services: ExportServices, leased: ExportLease, deadline: Deadline): Exporting {
  const ended = new AbortController()
  const turn: Exporting = {
    services,
    leased,
    ending: createEnding(services.logger, leased.lease, () => ended.abort()),
    ended: ended.signal,
    maySend: () => !turn.isCutOff && !deadline.isOver(),
    isCutOff: false,
    store: undefined,
    progress: createProgress(leased),
    readPosition: leased.readPosition,
    planned: undefined,
    failing: 'The file',
  }
  return turn
}

function handleOf(turn: Exporting): Turn {
  return {
    // It reads the log again after each file anyway.
    wake() {},
    requestHalt: (why) => (why === 'halted' ? halt(turn) : turn.ending.begin({ why })),
    abandon() {
      turn.ending.begin({ why: 'draining' })
      cutOff(turn)
    },
  }
}

async function writeUntilEnd(turn: Exporting, slot: Slot): Promise<void> {
  const { services, leased, ending } = turn
  const startedAt = performance.now()
  const open = await findOpenFile(services.durable, leased.lease)
  if (open) await writeFile(turn, open)
  while (!ending.reason) {
    const next = await nextFile(turn)
    if ('why' in next) ending.begin(next)
    else await writeFile(turn, next.file, next.plan)
    if (leased.finishBy !== null) ending.begin({ why: 'finished' })
    if (performance.now() - startedAt > SLICE_MS && slot.mustYield(false)) {
      ending.begin({ why: 'yielded' })
    }
  }
}
