// An event of the demo's retailer, before it is published: its path, headers and body.

import type { Chance } from '../kit/chance.ts'

export type RetailEvent = {
  name: string
  entityId: string
  idempotencyKey: string
  team: string
  service: string
  correlationIds: { order_id?: string; customer_id?: string }
  /** When it happened in the shop, RFC 3339. The log sets the time of publication. */
  at: string
  payload: Record<string, unknown>
}

/** The publisher of an entity's events: team and service. */
const PUBLISHERS = {
  customer: ['team-customers', 'customer-profiles'],
  fulfillment_request: ['team-fulfillment', 'order-router'],
  inventory_count: ['team-inventory', 'inventory-manager'],
  inventory_transaction: ['team-inventory', 'inventory-manager'],
  invoice: ['team-finance', 'invoicing'],
  order: ['team-orders', 'order-manager'],
  payment_account: ['team-payments', 'payment-manager'],
  refund_request: ['team-payments', 'refunds'],
  return: ['team-orders', 'returns'],
} as const

export type Entity = keyof typeof PUBLISHERS

/** The event `<entity>.<action>`, with its publisher's headers and its own key. */
export function retailEvent(
  chance: Chance,
  entity: Entity,
  action: string,
  facts: Pick<RetailEvent, 'entityId' | 'correlationIds' | 'at' | 'payload'>,
): RetailEvent {
  const [team, service] = PUBLISHERS[entity]
  return { name: `${entity}.${action}`, idempotencyKey: chance.uuid(), team, service, ...facts }
}

/** Minute `minute` of the day `date` ("2026-11-20") as a time, to the millisecond. */
export function timeOfDay(date: string, minute: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + Math.round(minute * 60_000)).toISOString()
}
