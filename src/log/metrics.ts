// The metrics of publishing in this process.

import { counter, gauge, histogram, SECONDS } from '../metrics/metric.ts'

/** refused: by Postgres. Requests with faults end earlier: millrace_http_requests_total. */
export const publishedEvents = counter(
  'millrace_published_events_total',
  'Events that were to be stored, by outcome.',
  {
    outcome: [
      ...['appended', 'duplicate', 'key_reused'],
      ...['refused', 'overloaded', 'unavailable', 'failed'],
    ],
  },
)
/** An event's, or that of a part of a bulk body. */
export const publishSeconds = histogram(
  'millrace_publish_seconds',
  'Time from a checked event to its commit, in seconds.',
  SECONDS,
)
const appendSeconds = histogram(
  'millrace_append_seconds',
  'Time of a batch in the database, in seconds.',
  SECONDS,
)
const batchEvents = histogram(
  'millrace_append_batch_events',
  'Events of a batch.',
  [1, 2, 5, 10, 20, 50, 100, 200, 500],
)
export const queuedEvents = gauge(
  'millrace_append_queue_events',
  'Events that wait for their batch.',
)
export const queuedBytes = gauge('millrace_append_queue_bytes', 'Their payloads, in bytes.')

export const bulkLines = counter(
  'millrace_bulk_lines_total',
  'Lines of bulk bodies that were answered, by outcome.',
  { outcome: ['appended', 'duplicate', 'key_reused', 'refused'] },
)
export const followers = gauge(
  'millrace_followers',
  'Clients that follow the log: streams that are open, and calls that wait.',
  { kind: ['stream', 'long_poll'] },
)

/** Counts a batch that took `ms`, whatever its outcome. */
export function countBatch(events: number, ms: number): void {
  appendSeconds.observe(ms / 1_000)
  batchEvents.observe(events)
}
