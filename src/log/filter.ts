// The filter of readers of the log over HTTP: read from a query, as a condition of SQL, and as the
// same test in JavaScript. An event passes if all given parts hold.

import type { ParsedUrlQuery } from 'node:querystring'
import { type RawBuilder, sql } from 'kysely'
import { Type } from 'typebox'
import { limits } from '../config.ts'
import { type Fault, fault } from '../errors.ts'
import { ruled } from '../input/pattern.ts'
import { queryParameter, textOf } from '../input/query.ts'
import { ONE_LINE } from '../input/text.ts'
import { isAlert } from './alert.ts'
import { entityOf, isEventName } from './event.ts'

/** Names in one filter. */
const MOST_NAMES = 50
const ENTITY = '[A-Za-z0-9_-]+'
const NAME_OR_ENTITY = ruled(
  `^${ENTITY}((\\.${ENTITY})+|\\.\\*)$`,
  'be the name of an event, like order.created, or all of an entity, like order.*',
)
const isEntity = (text: string) => new RegExp(`^${ENTITY}$`).test(text)
/** "order.*": all events of an entity. */
const WHOLE_ENTITY = new RegExp(`^(${ENTITY})\\.\\*$`)

/**
 * Undefined parts do not restrict. `names` and `entities` are a union; both empty: any name. Alerts
 * pass only if their entity or a name is given.
 */
export type SearchFilter = {
  entityId: string | undefined
  entity: string | undefined
  /** In the correlation ids, or the id of the event's own entity `order`. */
  orderId: string | undefined
  /** The same with the entity `customer`. */
  customerId: string | undefined
  names: string[]
  entities: string[]
}

/** The part of an event that a filter looks at. */
type Filtered = { name: string; entityId: string; correlationIds: Record<string, string> }

const text = (name: string, description: string, example: string, pattern = ONE_LINE) => ({
  ...queryParameter(
    name,
    description,
    Type.String({ minLength: 1, maxLength: limits.textLength, pattern }),
  ),
  example,
})

/** The parameters of a filter, for API documents. */
export const filterParameters = [
  text('entity_id', "The id of the event's entity.", 'order-1'),
  text('entity', 'The entity: the name up to its first dot.', 'order', `^${ENTITY}$`),
  text(
    'order_id',
    'The events of an order: it is in their correlation ids, or they are its own (entity `order`).',
    'order-1',
  ),
  text('customer_id', 'The same for a customer (entity `customer`).', 'customer-1'),
  {
    ...queryParameter(
      'name',
      'A name, or all names of an entity (`order.*`). May be repeated: any of them.',
      Type.Array(Type.String({ maxLength: limits.textLength, pattern: NAME_OR_ENTITY }), {
        maxItems: MOST_NAMES,
      }),
    ),
    example: ['order.*'],
  },
]

/** The filter of a query. Adds what is wrong with it to `faults`. */
export function searchFilterOf(query: ParsedUrlQuery, faults: Fault[]): SearchFilter {
  const read = (field: string) => textOf(query, field, faults)
  const entity = read('entity')
  if (entity !== undefined && !isEntity(entity)) {
    faults.push(fault('entity', 'invalid', 'must be letters, digits, _ and -, like order'))
  }
  return {
    entityId: read('entity_id'),
    entity,
    orderId: read('order_id'),
    customerId: read('customer_id'),
    ...namesOf(query, faults),
  }
}

function namesOf(query: ParsedUrlQuery, faults: Fault[]): { names: string[]; entities: string[] } {
  const given = [query['name'] ?? []].flat()
  const names: string[] = []
  const entities: string[] = []
  if (given.length > MOST_NAMES) {
    faults.push(fault('name', 'too_many', `is repeated more than ${MOST_NAMES} times`))
  }
  for (const value of given.slice(0, MOST_NAMES)) {
    const entity = WHOLE_ENTITY.exec(value)?.[1]
    if (entity !== undefined) entities.push(entity)
    else if (isEventName(value)) names.push(value)
    else faults.push(fault('name', 'invalid', 'must be a name like order.created, or order.*'))
  }
  return { names, entities }
}

/** The filter as a condition on a row of `event`. Its text is the same for every filter. */
export function conditionOf(filter: SearchFilter): RawBuilder<boolean> {
  const { entityId = null, entity = null, orderId = null, customerId = null } = filter
  const { names, entities } = filter
  return sql`(
    (${entityId}::text is null or entity_id = ${entityId})
    and (${entity}::text is null or split_part(name, '.', 1) = ${entity})
    and (
      ${orderId}::text is null or correlation_ids ->> 'order_id' = ${orderId}
      or (entity_id = ${orderId} and split_part(name, '.', 1) = 'order')
    )
    and (
      ${customerId}::text is null or correlation_ids ->> 'customer_id' = ${customerId}
      or (entity_id = ${customerId} and split_part(name, '.', 1) = 'customer')
    )
    and (
      (${names.length + entities.length === 0} and (
        ${entity !== null} or name not like 'millrace.%'
      ))
      or name = any(${names}::text[]) or split_part(name, '.', 1) = any(${entities}::text[])
    )
  )`
}

/** Whether an event passes the filter: as conditionOf says it. */
export function passes(filter: SearchFilter, event: Filtered): boolean {
  const entity = entityOf(event.name)
  const isOf = (id: string | undefined, kind: 'order' | 'customer') =>
    id === undefined ||
    event.correlationIds[`${kind}_id`] === id ||
    (entity === kind && event.entityId === id)
  const { names, entities } = filter
  return (
    (filter.entityId === undefined || event.entityId === filter.entityId) &&
    (filter.entity === undefined || entity === filter.entity) &&
    isOf(filter.orderId, 'order') &&
    isOf(filter.customerId, 'customer') &&
    ((names.length + entities.length === 0 &&
      (filter.entity !== undefined || !isAlert(event.name))) ||
      names.includes(event.name) ||
      entities.includes(entity))
  )
}
