// The table at the end of the tour: how many events each integration received, and how long they
// took, measured at the receiver.

import type { Receiver } from './receiver.ts'

type SummaryRow = {
  id: string
  receiver: Receiver
  /** Events that it should have received. */
  expected: number
  /**
   * Whether the events were new on arrival: for a replay the time from publication means nothing.
   */
  isLive: boolean
  note: string
}

/** The table as lines; numbers to the right. */
export function summaryOf(rows: SummaryRow[]): string[] {
  const head = ['integration', 'events', 'received', 'retries', 'twice', 'median ms', 'p99 ms', '']
  const cells = rows.map(({ id, receiver, expected, isLive, note }) => {
    const late = receiver.taken.map(({ lateMs }) => lateMs).sort((a, b) => a - b)
    const times = isLive ? [quantile(late, 0.5), quantile(late, 0.99)] : undefined
    return [
      id,
      String(expected),
      String(receiver.positions.size),
      String(receiver.refused.length),
      String(receiver.taken.length - receiver.positions.size),
      ...(times ?? [undefined, undefined]).map((time) => time?.toFixed(1) ?? '-'),
      note,
    ]
  })
  const widths = head.map((_, column) =>
    Math.max(...[head, ...cells].map((row) => (row[column] as string).length)),
  )
  return [head, ...cells].map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] as number
        const isText = column === 0 || column === head.length - 1
        return isText ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
      .trimEnd(),
  )
}

/** The smallest of the sorted numbers that `share` of them do not exceed. */
function quantile(sorted: number[], share: number): number | undefined {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
}
