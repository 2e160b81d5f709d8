// The JSON of an event for receivers: the body of a webhook, and a line of a file.

import type { OutgoingEvent } from './destination.ts'

type Head = Pick<OutgoingEvent, 'tenant' | 'name' | 'publishedAt'>

/** One JSON object; it contains the payload byte for byte as it was published. */
export function bodyText(event: Head & { payload: string }): string {
  return `${headOf(event)},"payload":${event.payload}}`
}

/** A line of a file up to its payload, which `}` follows. Its trace is no header: it is a field. */
export function headOfLine(event: Head & { traceparent: string | null }): string {
  const { traceparent } = event
  const trace = traceparent === null ? '' : `,"traceparent":"${traceparent}"`
  return `${headOf(event)}${trace},"payload":`
}

function headOf({ tenant, name, publishedAt }: Head): string {
  return `{"tenant":"${tenant}","name":"${name}","published_at":"${publishedAt}"`
}
