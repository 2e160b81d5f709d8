// The demo checks its claims: it waits for facts with a deadline, and a false claim ends the tour.

import type { RetailEvent } from './event.ts'
import type { Arrival } from './receiver.ts'

/** A published event: its position in the log, and the exact text of its payload. */
export type Published = RetailEvent & { position: number; text: string }

/** Throws if it is false; the sentence `otherwise` tells the alternative. */
export function claim(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise)
}

/**
 * The fault in what `receiver` accepted, compared with the expected events: missing or foreign
 * events, an altered payload, or an entity's events out of order. Undefined if there is none.
 */
export function faultOf(
  receiver: string,
  expected: Published[],
  taken: Arrival[],
): string | undefined {
  const byPosition = new Map(expected.map((event) => [event.position, event]))
  const seen = new Set<number>()
  const newestOf = new Map<string, number>()
  for (const { position, name, body } of taken) {
    const event = byPosition.get(position)
    if (event?.name !== name)
      return `${receiver} received ${name} at ${position}, not meant for it.`
    if (!body.endsWith(`,"payload":${event.text}}`)) {
      return `${receiver} received the payload of ${name} at ${position} altered.`
    }
    // Delivery is at least once: only the first arrival counts for the order.
    if (seen.has(position)) continue
    seen.add(position)
    const entity = `${name.split('.')[0]} ${event.entityId}`
    if (position < (newestOf.get(entity) ?? 0))
      return `${receiver} received ${entity} out of order.`
    newestOf.set(entity, position)
  }
  const missing = byPosition.size - seen.size
  return missing === 0 ? undefined : `${receiver} did not receive ${missing} event(s).`
}
