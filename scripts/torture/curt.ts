// A correct receiver that a sender may stumble over: it accepts each event, and then hangs up
// silently, or sends unrequested interim answers. No attempt at it may fail, and no accepted event
// may come again.

import type { ServerResponse } from 'node:http'
import type { TargetOptions } from './destination.ts'
import { TENANT } from './event.ts'
import type { Session } from './session.ts'

/**
 * closing, resetting after the answer: the kept-alive connection is gone. continuing: 100, 102 and
 * 103 come before the answer.
 */
const MOODS = ['closing', 'resetting after the answer', 'continuing'] as const
export type CurtMood = (typeof MOODS)[number]

/** A failed attempt is recorded a little after the harm that caused it. */
const NOTED_MS = 3_000

export const isCurt = (mood: string): mood is CurtMood => MOODS.includes(mood as CurtMood)

/** Call it before the answer. */
export function prepareCurtly(mood: CurtMood, response: ServerResponse): void {
  const { socket } = response
  if (mood === 'closing') response.once('finish', () => socket?.destroySoon())
  // The answer must reach the other side before the reset.
  else if (mood === 'resetting after the answer') {
    response.once('finish', () => setImmediate(() => socket?.resetAndDestroy()))
  } else {
    response.writeContinue()
    response.writeProcessing()
    response.writeEarlyHints({ link: '</style.css>; rel=preload' })
  }
}

/** Failed attempts at a correct target, of which there may be none without harm. */
export async function collectFailures(
  session: Session,
  { ledger, findings, harmLog, tenant = TENANT }: TargetOptions,
): Promise<Record<string, number>> {
  const rows = await session.ask<{ at: number; reason: string }>(
    'select position / 1000 as at, reason from attempt where tenant = $1 and consumer = $2',
    [tenant, ledger.id],
  )
  if (!rows) throw new Error('The database did not answer: attempt')
  for (const { at, reason } of rows) {
    if (!harmLog.causeBetween(at - NOTED_MS, at)) {
      findings.broke('failed without a cause', `${ledger.id} at ${at}: ${reason}`)
    }
  }
  return { 'attempts failed at correct targets': rows.length }
}
