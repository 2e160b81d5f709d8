// A shop that publishes its changes like the collector's clients: as collected events in the log.

import { randomUUID } from 'node:crypto'
import { until } from '../../scripts/kit/until.ts'
import { appendEvents } from '../../src/log/append.ts'
import type { Appended, NewEvent } from '../../src/log/event.ts'
import type { TestDatabase } from './database.ts'

/** A collected event in the log: the payload is the event as posted. */
export function collected(
  entity: string,
  operation: string,
  entity_id: string,
  value: unknown,
  tenant = 'dodici',
): NewEvent {
  const entity_name = entity.toUpperCase()
  const json = value === undefined ? undefined : JSON.stringify(value)
  const id = randomUUID()
  const posted = {
    entity_id,
    entity_name,
    event_payload: {
      ...(json === undefined
        ? {}
        : { base64_encoded_payload_json: Buffer.from(json).toString('base64') }),
      entity_id,
      key_attributes: {},
      operation: operation.toUpperCase(),
    },
    event_source: 'APPLICATION',
    event_type: 'ENTITY_EVENT',
    id,
  }
  return {
    tenant,
    name: `${entity.toLowerCase()}.${operation.toLowerCase()}`,
    entityId: entity_id,
    idempotencyKey: id,
    team: 'collector',
    service: 'collector',
    correlationIds: '{}',
    payload: Buffer.from(JSON.stringify(posted)),
    live: true,
    traceparent: null,
  }
}

export const customer = (id: string, more: object = {}, tenant?: string) =>
  collected(
    'customer',
    'create',
    id,
    { id, email: `${id}@example.com`, first_name: id, marketing_consent: true, ...more },
    tenant,
  )
export const wishlist = (id: string, customer_id: string, items: string[], tenant?: string) => {
  const value = { id, customer_id, items: items.map((variant_id) => ({ variant_id })) }
  return collected('wishlist', 'update', id, value, tenant)
}
export const level = (item: string, available: number, location = 'l', tenant?: string) => {
  const value = { variant_id: item, location_id: location, available }
  return collected('inventory_level', 'update', `${item}-${location}`, value, tenant)
}
export const price = (item: string, amount: number, currency = 'EUR') =>
  collected('price', 'update', `price-${item}`, { variant_id: item, amount, currency })

/** Appends events; returns the position of the last one. */
export async function tell(database: TestDatabase, events: NewEvent[]): Promise<number> {
  let last = 0
  for (let from = 0; from < events.length; from += 500) {
    const answers: Appended[] = await appendEvents(database.pool, events.slice(from, from + 500))
    last = answers.at(-1)?.position ?? last
  }
  return last
}

/** Waits until the projections include everything up to a position. */
export async function projected(database: TestDatabase, position: number, tenant = 'dodici') {
  await until(`everything up to ${position} is projected`, async () => {
    const { rows } = await database.pool.query(
      `select read_position from cursor where tenant = $1 and consumer = 'projection:shop'`,
      [tenant],
    )
    return rows[0]?.read_position >= position
  })
}
