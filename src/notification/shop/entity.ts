// The entities of a shop for notifications: the fields that are read from a collected event's JSON.
// Other fields are ignored. A field that a change does not name stays, and null removes it: so
// partial updates work.

import { type Static, Type } from 'typebox'
import { ruled } from '../../input/pattern.ts'

/** JSON allows a NUL; a text of Postgres does not. */
const WITHOUT_NUL = ruled('^[^\\u0000]*$', 'be text without the character NUL')
const Text = (maxLength: number, description?: string) =>
  Type.String({ maxLength, pattern: WITHOUT_NUL, ...(description ? { description } : {}) })
const Maybe = (maxLength: number, description?: string) =>
  Type.Optional(Type.Union([Text(maxLength, description), Type.Null()]))
const Id = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 255, pattern: WITHOUT_NUL, description }))
const OwnId = Id("Default: the event's entity_id.")
const item = {
  variant_id: Id('The item.'),
  product_id: Id('The item, if it is a product without variants.'),
}
const display = { name: Maybe(1_000), url: Maybe(2_048), image_url: Maybe(2_048) }
const Amount = Type.Number({ minimum: -1e12, maximum: 1e12 })

/** By entity of the log, the first part of an event's name. */
export const entities = {
  customer: Type.Object(
    {
      id: OwnId,
      email: Maybe(320),
      first_name: Maybe(255),
      last_name: Maybe(255),
      marketing_consent: Type.Optional(
        Type.Union([Type.Boolean(), Type.Null()], {
          description: 'Only customers with true get mails.',
        }),
      ),
    },
    {
      examples: [
        { id: 'c-1', email: 'ada@example.com', first_name: 'Ada', marketing_consent: true },
      ],
    },
  ),
  wishlist: Type.Object(
    {
      id: OwnId,
      customer_id: Id('The owner. Required if the wishlist is unknown so far, or has no items.'),
      items: Type.Optional(
        Type.Array(Type.Object(item, { title: 'WishlistItem' }), {
          description: 'All items; they replace the old ones.',
        }),
      ),
    },
    { examples: [{ id: 'w-1', customer_id: 'c-1', items: [{ variant_id: 'v-1' }] }] },
  ),
  product: Type.Object(
    { id: OwnId, ...display },
    { examples: [{ id: 'p-1', name: 'Boot', url: 'https://shop.example/p-1' }] },
  ),
  variant_product: Type.Object(
    {
      id: OwnId,
      product_id: Id('The product, whose name, url and image fill in missing ones.'),
      ...display,
    },
    { examples: [{ id: 'v-1', product_id: 'p-1', name: 'Boot, 42' }] },
  ),
  price: Type.Object(
    { id: OwnId, ...item, amount: Type.Optional(Amount), currency: Id('EUR') },
    { examples: [{ id: 'pr-1', variant_id: 'v-1', amount: 129.9, currency: 'EUR' }] },
  ),
  inventory_level: Type.Object(
    {
      id: OwnId,
      ...item,
      location_id: Id('The location; stock counts over all locations.'),
      available: Type.Optional(Amount),
    },
    { examples: [{ id: 'l-1', variant_id: 'v-1', location_id: 'store-7', available: 3 }] },
  ),
} as const

export type Entity = keyof typeof entities
export type EntityValue<Name extends Entity> = Static<(typeof entities)[Name]>

/** The schemas for the OpenAPI document. */
export const entitySchemas = Object.fromEntries(
  Object.entries(entities).map(([entity, schema]) => {
    const words = entity.split('_').map((word) => word[0]?.toUpperCase() + word.slice(1))
    const description =
      'The fields that notifications read of the JSON in ' +
      '`event_payload.base64_encoded_payload_json` of a collected ' +
      `${entity.toUpperCase()} event; an array of it in a bulk operation. More fields are ` +
      'ignored.'
    return [`Collected${words.join('')}`, { ...schema, description }]
  }),
)
