// The JSON of an event for receivers: the body of a webhook, and a line of a file.

import type { OutgoingEvent } from './destination.ts'

/** One JSON object; it contains the payload byte for byte as it was published. */
export function bodyText(
  event: Pick<OutgoingEvent, 'tenant' | 'name' | 'publishedAt' | 'payload'>,
): string {
  const { tenant, name, publishedAt, payload } = event
  const head = `{"tenant":"${tenant}","name":"${name}","published_at":"${publishedAt}"`
  return `${head},"payload":${payload}}`
}
