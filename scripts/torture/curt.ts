// A receiver with nothing wrong that a sender may stumble over: it takes each event, and hangs up
// without saying so, or says more than it is asked. No attempt at it may fail, and what it has
// taken may not come again.

import type { ServerResponse } from 'node:http'
import type { TargetOptions } from './destination.ts'
import { TENANT } from './event.ts'
import type { Session } from './session.ts'

/**
 * closing, resetting after the answer: the connection, which was kept alive, is gone. continuing:
 * 100, 102 and 103 come before the answer.
 */
const MOODS = ['closing', 'resetting after the answer', 'continuing'] as const
export type CurtMood = (typeof MOODS)[number]

/** An attempt that fails is noted a little after the harm that it failed of. */
const NOTED_MS = 3_000

export const isCurt = (mood: string): mood is CurtMood => MOODS.includes(mood as CurtMood)

/** To be called before the answer is given. */
export function prepareCurtly(mood: CurtMood, response: ServerResponse): void {
  const { socket } = response
  if (mood === 'closing') response.once('finish', () => socket?.destroySoon())
  // The answer is at the other side before the reset is.
  else if (mood === 'resetting after the answer') {
    response.once('finish', () => setImmediate(() => socket?.resetAndDestroy()))
  } else {
    response.writeContinue()
    response.writeProcessing()
    response.writeEarlyHints({ link: '</style.css>; rel=preload' })
  }
}

/** Attempts that are noted as failed, of which none may be, if no harm was done. */
export async function collectFailures(
  session: Session,
  { ledger, findings, harmLog }: TargetOptions,
): Promise<Record<string, number>> {
  const rows = await session.ask<{ at: number; reason: string }>(
    'select position / 1000 as at, reason from attempt where tenant = $1 and consumer = $2',
    [TENANT, ledger.id],
  )
  if (!rows) throw new Error('The database did not answer: attempt')
  for (const { at, reason } of rows) {
    if (!harmLog.causeBetween(at - NOTED_MS, at)) {
      findings.broke('failed without a cause', `${ledger.id} at ${at}: ${reason}`)
    }
  }
  return { 'attempts failed, hung up on': rows.length }
}
