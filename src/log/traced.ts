// Publishing and appending with spans. An event goes on from the span of its publish, so that its
// deliveries are children of that. One that its publisher does not sample gets no span.

import { MillraceError } from '../errors.ts'
import { isSampled } from '../input/traceparent.ts'
import type { Span, Tracer } from '../tracer.ts'
import type { Publisher } from './batch.ts'
import type { Appended, NewEvent } from './event.ts'

/**
 * A publisher with a span for each event that comes alone. Events of bulk bodies are as many as
 * there are: they only have a part in the spans of their batches.
 */
export function tracedPublisher<Of extends Publisher>(publisher: Of, tracer: Tracer): Of {
  return {
    ...publisher,
    async publish(event) {
      const { tenant, name, entityId, traceparent: parent } = event
      if (parent !== null && !isSampled(parent)) return publisher.publish(event)
      const attributes = { 'millrace.tenant': tenant, 'millrace.entity_id': entityId }
      const span = tracer.start(`publish ${name}`, { kind: 'server', parent, attributes })
      if (!span) return publisher.publish(event)
      const { traceparent } = span
      return ended(span, publisher.publish({ ...event, traceparent }), (published) => ({
        'millrace.outcome': published.outcome,
        'millrace.position': published.position,
      }))
    },
  }
}

type Append = (events: NewEvent[]) => Promise<Appended[]>

/** Appends with a span for each batch: a child of its first event's, with links to the others'. */
export function tracedAppend(append: Append, tracer: Tracer): Append {
  return async (events) => {
    const traced = events.map(({ traceparent }) => traceparent).filter((one) => one !== null)
    const [parent, ...links] = traced.filter(isSampled)
    if (parent === undefined) return append(events)
    const attributes = { 'db.system.name': 'postgresql', 'db.operation.batch.size': events.length }
    const span = tracer.start('append', { kind: 'client', parent, links, attributes })
    return span ? ended(span, append(events), () => ({})) : append(events)
  }
}

/** Ends a span with what comes of a call. A refusal is an answer, and no failure of ours. */
async function ended<Result>(
  span: Span,
  result: Promise<Result>,
  attributesOf: (result: Result) => Record<string, string | number>,
): Promise<Result> {
  try {
    const value = await result
    span.end(attributesOf(value))
    return value
  } catch (error) {
    const isRefusal = error instanceof MillraceError && error.status < 500
    if (isRefusal) span.end({ 'millrace.outcome': error.code })
    else span.end({}, (error as Error).message)
    throw error
  }
}
