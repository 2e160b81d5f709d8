// The metrics of delivery in this process. A consumer has none of its own here: a histogram for
// each of a thousand took a scrape 48 ms of the event loop.

import type { Outcome } from '../destination/destination.ts'
import { counter, gauge, histogram, SECONDS } from '../metrics/metric.ts'

const TARGETS = ['webhook', 's3', 'sqs', 'sns'] as const
export type Target = (typeof TARGETS)[number]

const tries = counter(
  'millrace_delivery_attempts_total',
  'Tries to send an event or to write a file, by kind of target and outcome.',
  { kind: TARGETS, outcome: ['delivered', 'rejected', 'refused', 'unavailable'] },
)
const trySeconds = histogram(
  'millrace_delivery_attempt_seconds',
  'How long a try took, in seconds.',
  SECONDS,
  { kind: TARGETS },
)
const events = counter(
  'millrace_delivered_events_total',
  'Events that were delivered, by kind of target and stream.',
  { kind: [...TARGETS, 'projection'], stream: ['live', 'replay'] },
)
const delay = histogram(
  'millrace_delivery_delay_seconds',
  'Time from the publication of an event to its delivery by a live stream, in seconds.',
  [...SECONDS, 60, 300, 900, 3_600, 21_600, 86_400],
  { kind: TARGETS },
)

/** Counts a try that took `ms`. */
export function countTry(kind: Target, outcome: Outcome['kind'], ms: number): void {
  tries.add(1, kind, outcome)
  trySeconds.observe(ms / 1_000, kind)
}

/** Counts an event that a target has taken, in a run. */
export function countDelivered(kind: Target, run: number, position: number): void {
  events.add(1, kind, run === 0 ? 'live' : 'replay')
  if (run === 0) delay.observe(Math.max(0, Date.now() - position / 1_000) / 1_000, kind)
}

/** Counts events that a projection has applied. */
export function countApplied(count: number): void {
  events.add(count, 'projection', 'live')
}

/** Turns by the reason of their end (ending.ts); busy: another worker had the lease. */
export const turnsEnded = counter('millrace_turns_total', 'Turns at a cursor, by their end.', {
  end: [
    ...['halted', 'draining', 'yielded', 'expired', 'lost', 'at_end', 'broken'],
    ...['finished', 'not_due', 'retry', 'stop', 'busy'],
  ],
})
export const turnsUnderWay = gauge(
  'millrace_turns_under_way',
  'Cursors whose lease this process has or asks for.',
  { task: ['advance', 'replay'] },
)
export const turnSlots = gauge('millrace_turn_slots', 'The most turns at once.', {
  task: ['advance', 'replay'],
})
