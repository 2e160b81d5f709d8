// The options that say which events of the log a command is about: those of GET /events and of
// GET /events/stream.

import type { Command } from 'commander'

export type FilterOptions = {
  name?: string[]
  entity?: string
  entityId?: string
  orderId?: string
  customerId?: string
}

/** Adds them to a command. */
export function withFilters(command: Command): Command {
  return command
    .option('--name <name...>', "the event's name: order.created, 'order.*'")
    .option('--entity <entity>', 'what the event is about: order')
    .option('--entity-id <id>', 'the id of that')
    .option('--order-id <id>', 'the order that the event belongs to')
    .option('--customer-id <id>', 'the customer, likewise')
}

/** The parameters of the query. */
export function filterQuery(options: FilterOptions): URLSearchParams {
  const query = new URLSearchParams()
  for (const name of options.name ?? []) query.append('name', name)
  const fields = {
    entity: options.entity,
    entity_id: options.entityId,
    order_id: options.orderId,
    customer_id: options.customerId,
  }
  for (const [field, value] of Object.entries(fields)) if (value) query.set(field, value)
  return query
}
