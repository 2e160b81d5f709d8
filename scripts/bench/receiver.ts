// The receiver of a scenario: an HTTP target in a separate process that answers with a given
// latency. For every path it checks that nothing is lost, and that each entity's events arrive in
// order.

import { startRemote } from '../kit/remote.ts'

export type ReceiverOptions = {
  latencyMs?: number
  /** The part of the answers, such as 0.01, that takes `slowMs` instead. */
  slowPart?: number
  slowMs?: number
  /** Keep the time from an event's position to its arrival, for `latenciesMs`. */
  keepLatencies?: boolean
  /** An entity may begin with any of its events: for replays of a range. */
  startsAnywhere?: boolean
}

export type Report = {
  /** Answered with 200, repeats included. */
  count: number
  distinct: number
  repeated: number
  /** First deliveries of an event that was not the next of its entity. */
  reordered: number
  /** Ascending in time of arrival; empty without `keepLatencies`. */
  latenciesMs: number[]
  /** When the first and the last one arrived, on the receiver's clock. */
  firstMs: number
  lastMs: number
}

/** How many had arrived at a moment, and when the last of them had, on the receiver's clock. */
export type Sample = { count: number; atMs: number; lastMs: number }

export type Receiver = {
  /** Without a path: append "/a". Paths that begin with /dead answer 503 and count nothing. */
  url: string
  /** Changes what is given and leaves the rest. */
  set(options: ReceiverOptions): Promise<void>
  /** Forgets what has arrived. */
  reset(): Promise<void>
  /** Of one path, or of all together. */
  sample(path?: string): Promise<Sample>
  report(path?: string): Promise<Report>
  /** Resolves when `count` have arrived; rejects if they have not in time. */
  reached(count: number, timeoutMs: number, path?: string): Promise<void>
  stop(): Promise<void>
}

/** Starts a receiver on a free port. */
export async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  const remote = await startRemote('bench/receiver-process.ts')
  const url = await remote.call<string>('start', options)
  return {
    url,
    set: (changes) => remote.call('set', changes),
    reset: () => remote.call('reset'),
    sample: (path) => remote.call<Sample>('sample', path),
    report: (path) => remote.call<Report>('report', path),
    reached: (count, timeoutMs, path) => remote.call('reached', { count, timeoutMs, path }),
    stop: () => remote.stop(),
  }
}

/**
 * Events a second between two samples, from arrival to arrival. Answers that take 50 ms make the
 * events come in waves, and a wave more or less would be an error of 5 %.
 */
export function rateOf(from: Sample, to: Sample): number {
  return ((to.count - from.count) * 1000) / (to.lastMs - from.lastMs)
}

/** Throws if the events of `path` are not in order per entity, or, if given, not `count`. */
export async function expectWhole(
  receiver: Receiver,
  { count, path }: { count?: number; path?: string } = {},
): Promise<Report> {
  const report = await receiver.report(path)
  const { distinct, repeated, reordered } = report
  const found = `${distinct} events arrived, ${repeated} repeated, ${reordered} out of order`
  if (reordered > 0) throw new Error(`The order was broken: ${found}.`)
  if (repeated > 0) throw new Error(`Events arrived twice: ${found}.`)
  if (count !== undefined && distinct !== count) {
    throw new Error(`${count} events were expected: ${found}.`)
  }
  return report
}
