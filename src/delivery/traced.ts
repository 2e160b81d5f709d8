// A destination with a span for each try of an event whose trace is sampled. The receiver goes on
// from that span.

import type { Destination } from '../destination/destination.ts'
import { isSampled } from '../input/traceparent.ts'
import type { Tracer } from '../tracer.ts'

/** The destination of a consumer, with spans. */
export function tracedDestination(
  destination: Destination,
  consumer: string,
  tracer: Tracer,
): Destination {
  return {
    send(event, settled, maySend) {
      const { traceparent: parent, tenant, position } = event
      if (parent === null || !isSampled(parent)) return destination.send(event, settled, maySend)
      const span = tracer.start(`deliver ${event.name}`, {
        kind: 'client',
        parent,
        attributes: {
          'millrace.tenant': tenant,
          'millrace.consumer': consumer,
          'millrace.position': position,
        },
      })
      if (!span) return destination.send(event, settled, maySend)
      const { traceparent } = span
      destination.send(
        { ...event, traceparent },
        (outcome) => {
          const { kind, status } = outcome
          const attributes = { 'millrace.outcome': kind }
          const answered = status === undefined ? {} : { 'http.response.status_code': status }
          const failure = kind === 'delivered' ? undefined : outcome.reason
          span.end({ ...attributes, ...answered }, failure)
          settled(outcome)
        },
        maySend,
      )
    },
  }
}
