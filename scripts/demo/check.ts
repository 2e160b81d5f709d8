// What the demo claims, it checks: facts are waited for with a deadline, and a claim that does not
// hold ends the tour.

import type { RetailEvent } from './event.ts'
import type { Arrival } from './receiver.ts'

/** An event that was published: its place in the log, and the very text of its payload. */
export type Published = RetailEvent & { position: number; text: string }

/** Throws where it does not hold; `otherwise` is the sentence that says what happened instead. */
export function claim(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise)
}

/**
 * What is wrong with what `receiver` took, given what it should have got: something missing or
 * foreign, a payload that is not the published text, or an entity's events out of order. Undefined
 * where nothing is.
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
    // Delivery is at least once: only the first arrival has its place in the order.
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
