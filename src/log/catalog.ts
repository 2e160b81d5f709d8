// The well-known event types, in the names that receivers of retail events expect. Publishers may
// use any other name.

import type { TSchema } from 'typebox'
import { ALERT_ENTITY, alertTypes } from './alert.ts'
import { entityOf } from './event.ts'

export type EventType = {
  name: string
  /** The part of the name before the first dot. */
  entity: string
  description: string
  deprecated: boolean
  /** The schema of the payload, of an alert. */
  schema?: TSchema
}

const descriptions: Record<string, string> = {
  'fulfillment_request.assigned': 'A location was assigned items of an order.',
  'fulfillment_request.items_completed': 'Items were handed over or shipped.',
  'fulfillment_request.items_failed': 'The assigned location could not fulfil items.',
  'fulfillment_request.items_ready_for_handover': 'Items are ready for handover.',
  'order.created': 'An order was placed.',
  'order.opened': 'An order may be fulfilled: it can no longer be changed by its customer.',
  'order.shipped': 'All items have left. Deprecated: use `order.completed`.',
  'order.completed': 'An order is complete.',
  'order.cancelled': 'A whole order was cancelled.',
  'order.items_swapped': 'Items were exchanged before fulfilment.',
  'order.items_cancelled': 'Items of an order were cancelled.',
  'order.items_on_hold': 'Items cannot be fulfilled for now.',
  'invoice.created': 'An invoice or a credit note was created.',
  'return.processed': 'Items were returned.',
  'refund_request.issued': 'A refund was requested.',
  'payment_account.amount_authorized': 'An amount was reserved.',
  'payment_account.amount_captured': 'An amount was captured.',
  'payment_account.amount_refunded': 'An amount was refunded.',
  'payment_account.amount_voided': 'A reserved amount was released.',
  'inventory_transaction.items_received': 'A location received items.',
  'inventory_transaction.items_ready_for_handover': 'Items were set aside for handover.',
  'inventory_transaction.asn_created': 'A shipment to a location was announced.',
  'inventory_transaction.adjustment_created': 'Stock was corrected.',
  'inventory_count.items_counted': 'Items of a location were counted.',
  'customer.created': 'A customer was created.',
  'customer.updated': 'A customer was changed.',
  'customer.address_created': 'An address of a customer was added.',
  'customer.address_updated': 'An address of a customer was changed.',
  'customer.address_deleted': 'An address of a customer was removed.',
  'employee.created': 'An employee was created.',
  'employee.updated': 'An employee was changed.',
}

/** In the order in which documents show them; alerts at the end. */
export const knownEventTypes: EventType[] = [
  ...Object.entries(descriptions).map(([name, description]) => ({
    name,
    entity: entityOf(name),
    description,
    deprecated: name === 'order.shipped',
  })),
  ...alertTypes.map((alert) => ({ ...alert, entity: ALERT_ENTITY, deprecated: false })),
]
