// Follows a replay to its end, with a progress bar on a terminal. Ctrl-C ends the watching, and on
// a terminal offers to cancel the replay.

import { type CommonOptions, exchangeOf, type Surroundings } from './client-command.ts'
import { isAgreed } from './confirm.ts'
import type { ShownLine } from './output.ts'
import { poll } from './poll.ts'
import { bar, createStatusLine } from './status-line.ts'

/** A replay in answers (src/replay/schemas.ts). */
export type Replay = {
  number: number
  state: string
  reason: string
  from: string
  to: string
  total: number | null
  is_estimate?: boolean
  delivered: number
  rejected: number
  filtered_out: number
  events_per_second: number
  estimated_seconds_left: number | null
}

const ENDED = ['completed', 'cancelled', 'failed']

/** Prints the replay at its end. The exit status is 1 unless everything was sent. */
export async function watchReplay(
  path: string,
  id: string,
  options: CommonOptions,
  surroundings: Surroundings,
): Promise<void> {
  const { client, show, note } = exchangeOf(surroundings, options)
  const ending = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ending.abort())
  const status = createStatusLine()
  const read = async () => (await client.call('GET', path)) as Replay
  const hasEnded = (now: Replay) => {
    status.show(lineOf(now))
    return ENDED.includes(now.state)
  }
  const replay = await poll(read, hasEnded, ending.signal)
  status.clear()
  if (ENDED.includes(replay.state)) {
    show(replay, () => [replayLine(replay)])
    if (replay.state !== 'completed') process.exitCode = 1
    return
  }
  const isCancelled = process.stdin.isTTY && (await isAgreed('It goes on. Cancel it?'))
  if (isCancelled) {
    const cancelled = (await client.call('DELETE', path)) as Replay
    show(cancelled, () => [replayLine(cancelled)])
  } else {
    const kind = path.includes('/event-subscription/') ? ' --subscription' : ''
    const rest = `${id} ${replay.number}${kind}`
    note(`It goes on: millrace replay show ${rest} --watch, or millrace replay cancel ${rest}`)
  }
}

/** How far it is, for a status line. */
function lineOf(replay: Replay): string {
  const { total, state, events_per_second, estimated_seconds_left: seconds } = replay
  const share = total ? `${bar((replay.delivered + replay.rejected) / total)}  ` : ''
  const rate = `${events_per_second.toFixed(0)}/s`
  const left = seconds === null ? '' : `, ${seconds} s left`
  return `${share}${countsOf(replay)}, ${rate}${left}${state === 'running' ? '' : `, ${state}`}`
}

/** A replay for people. */
export function replayLine(replay: Replay): ShownLine {
  const { number, state, from, to, reason } = replay
  const text = `${number}  ${state}  ${from} to ${to}  ${countsOf(replay)}  ${reason}`
  const tone = state === 'completed' ? 'good' : state === 'failed' ? 'bad' : undefined
  return { text, tone: state === 'interrupted' ? 'careful' : tone }
}

function countsOf({ delivered, rejected, total, is_estimate }: Replay): string {
  const of = total === null ? '' : ` of ${is_estimate ? 'about ' : ''}${total}`
  return `${delivered}${of} delivered, ${rejected} rejected`
}
