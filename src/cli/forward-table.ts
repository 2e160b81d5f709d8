// The live table of millrace listen --forward: a row for each try, and on a terminal the counts
// below. In a pipe a row has everything in full.

import { printable } from '../input/printable.ts'
import { type Output, showJson, styled } from './output.ts'
import { createStatusLine } from './status-line.ts'

const NAME = 30
const ENTITY = 24

/** A try to send an event. */
export type Sent = {
  position: number
  published_at: string
  name: string
  entity_id: string
  /** Null: there was no answer, and `reason` says why. */
  status: number | null
  duration_ms: number
  reason: string | null
  /** Whether the next event follows; if not, this one is sent again. */
  isDone: boolean
}

export type ForwardTable = {
  add(sent: Sent): void
  /** Removes the counts, so that something else can be printed. */
  clear(): void
}

export function createForwardTable(output: Output, options: { json?: boolean }): ForwardTable {
  const counts = { delivered: 0, rejected: 0, failures: 0 }
  const status = createStatusLine(process.stdout)
  const isLive = output.isTerminal && !options.json
  let hasHead = false
  return {
    add(sent) {
      if (!sent.isDone) counts.failures++
      else if (sent.status === 400) counts.rejected++
      else counts.delivered++
      status.clear()
      if (isLive && !hasHead) output.print(rowOf('published', 'event', 'entity', 'answer'))
      hasHead = true
      const { isDone: _, ...shown } = sent
      const tone = sent.isDone ? (sent.status === 400 ? 'careful' : undefined) : 'bad'
      showJson(output, options, JSON.stringify(shown), () => [
        { text: isLive ? liveRow(sent) : fullRow(sent), tone },
      ])
      const { delivered, rejected, failures } = counts
      const text = `${delivered} delivered, ${rejected} rejected, ${failures} failed tries`
      if (isLive) status.show(styled(output, text))
    },
    clear: () => status.clear(),
  }
}

function answerOf({ status, duration_ms, reason, isDone }: Sent): string {
  const answer = status === null ? `no answer: ${reason}` : `${status} after ${duration_ms} ms`
  return isDone ? answer : `${answer}, again`
}

function fullRow(sent: Sent): string {
  return `${sent.published_at}  ${sent.name}  ${sent.entity_id}  ${answerOf(sent)}`
}

function liveRow(sent: Sent): string {
  const [, time = ''] = /T(.{12})/.exec(sent.published_at) ?? []
  return rowOf(time, printable(sent.name), printable(sent.entity_id), answerOf(sent))
}

function rowOf(time: string, name: string, entity: string, answer: string): string {
  const cells = [cut(time, 12), cut(name, NAME), cut(entity, ENTITY), answer]
  return cells.join('  ')
}

const cut = (text: string, width: number) =>
  (text.length > width ? `${text.slice(0, width - 1)}…` : text).padEnd(width)
