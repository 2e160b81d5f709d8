// GET /event-types: the event types of a tenant (docs/publish.md).

import { Type } from 'typebox'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import { cutPage, pageOf, pageParameters, unknownPage } from '../http/page.ts'
import type { Route } from '../http/route.ts'
import { tenantHeader, tenantOf } from '../http/tenant.ts'
import { isEventName } from './event.ts'
import { listEventTypes } from './event-type.ts'

const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const EventTypeList = Type.Object(
  {
    event_types: Type.Array(
      Type.Object(
        {
          name: Type.String({ examples: ['order.created'] }),
          entity: Type.String({ examples: ['order'], description: 'For entity filters.' }),
          description: Nullable(Type.String({ examples: ['An order was placed.'] })),
          deprecated: Type.Boolean({ default: false }),
          last_published_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
            description: "Null if it never was. Outlives the event's retention.",
          }),
        },
        { title: 'EventType' },
      ),
      { maxItems: limits.pageLength },
    ),
    next: Type.Optional(
      Type.String({
        examples: ['order.created'],
        description: 'If there are more: the value of `after` for the next page.',
      }),
    ),
  },
  { title: 'EventTypeList' },
)

/** The route of event types. */
export function eventTypeRoutes({ db }: { db: Db }): Route[] {
  return [
    {
      method: 'get',
      path: '/event-types',
      scope: 'read',
      family: 'configuration',
      tag: 'Event types',
      operationId: 'listEventTypes',
      summary: 'The known event types, and all others that the tenant has published, by name.',
      description: `Of more than ${limits.storedEventTypes} names, those that were published last.`,
      parameters: [tenantHeader, ...pageParameters(limits.pageLength)],
      responses: {
        200: { description: 'A page of them.', schema: EventTypeList },
        400: { description: 'Bad request; the message names the field.' },
      },
      async handle(context) {
        const tenant = tenantOf(context, 'read')
        const page = pageOf(context, limits.pageLength)
        if (page.after !== undefined && !isEventName(page.after)) throw unknownPage()
        const found = await listEventTypes(db, tenant, { after: page.after, most: page.limit + 1 })
        const { rows, next } = cutPage(found, page, ({ name }) => name)
        context.body = { event_types: rows, ...(next ? { next } : {}) }
      },
    },
  ]
}
