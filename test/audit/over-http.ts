// The answers of the API that the audits must agree with: which events a consumer has missed, and
// the states of one event.

import { call, EVENTSTREAM } from '../../scripts/kit/client.ts'
import { SUBSCRIPTIONS } from '../../scripts/kit/collector.ts'

type Told = { position: number; state: string; reason: string }

/** The path of a consumer, by its id as a consumer. */
export function pathOf(id: string): string {
  const name = id.replace('subscription:', '')
  return id === name ? `${EVENTSTREAM}/${name}` : `${SUBSCRIPTIONS}/${name}`
}

/** The events that a consumer has not received, each with its state and reason, in pages of 7. */
export async function missedOf(url: string, id: string): Promise<unknown[][]> {
  const missed: Told[] = []
  for (let after: number | null = 0; after !== null; ) {
    const page: string = `${url}${pathOf(id)}/undelivered?limit=7&after=${after}`
    const { body } = await call<{ events: Told[]; next: number | null }>(page)
    missed.push(...body.events)
    after = body.next
  }
  return missed.map(({ position, state, reason }) => [position, state, reason])
}

/** The same in the rows of audit/undelivered, which also has those that were never to be sent. */
export function missedIn(rows: Record<string, unknown>[]): unknown[][] {
  const never = ['filtered_out', 'before_its_start', 'after_its_end', 'after_its_removal']
  return rows
    .filter(({ state }) => !never.includes(String(state)))
    .map(({ position, state, why }) => [position, state, why])
}

/** The state of an event for each consumer, by its id as a consumer. */
export async function deliveriesOf(url: string, position: number): Promise<[string, string][]> {
  const path = `${url}/events/${position}/deliveries`
  const { body } = await call<{ deliveries: { kind: string; id: string; state: string }[] }>(path)
  return body.deliveries.map(({ kind, id, state }) => [
    kind === 'integration' ? id : `subscription:${id}`,
    state,
  ])
}
