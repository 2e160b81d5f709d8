// GET /events/stream: a tenant's log as server-sent events (docs/follow.md).

import { Type } from 'typebox'
import { limits } from '../../config.ts'
import type { Database } from '../../db/pool.ts'
import { type Fault, fault, invalid, MillraceError } from '../../errors.ts'
import { requireScope } from '../../http/authorize.ts'
import { type EventStream, openEventStream } from '../../http/event-stream.ts'
import type { Parameter, RequestContext, Route } from '../../http/route.ts'
import { tenantHeader, tenantOf } from '../../http/tenant.ts'
import { queryParameter, readWhole } from '../../input/query.ts'
import type { Logger } from '../../logger.ts'
import { filterParameters, type SearchFilter, searchFilterOf } from '../filter.ts'
import type { Hub } from '../hub.ts'
import { PositionValue } from '../position.ts'
import { readLastPosition } from '../shown-page.ts'
import { type CatchUp, createCatchUp } from './catch-up.ts'
import { follow } from './follow.ts'
import { endingFrame } from './frame.ts'
import type { Streams } from './streams.ts'
import { createTails, type Tails } from './tail.ts'

const EXAMPLE = [
  'retry: 1000',
  'id: 1763640000123455',
  '',
  'id: 1763640000123456',
  'data: {"position":1763640000123456,"published_at":"2025-11-20T12:00:00.123456Z",' +
    '"name":"order.created","entity_id":"order-1","idempotency_key":"key-1",' +
    '"correlation_ids":{"order_id":"order-1"},"team":"team-orders","service":"shop",' +
    '"payload":{"id":"order-1"}}',
  '',
  ': still here',
  'id: 1763640000123456',
  '',
].join('\n')

const positionParameters: Parameter[] = [
  queryParameter(
    'after',
    'Events after this position. Without it and without an id: from now on.',
    PositionValue('A position.'),
  ),
  {
    in: 'header',
    name: 'last-event-id',
    description: 'The last `id` that the client has seen; it goes before `after`.',
    required: false,
    schema: PositionValue('A position.'),
  },
]

type Services = {
  database: Database
  hub: Hub
  streams: Streams
  logger: Logger
}

/** The route of streams. */
export function streamRoutes(services: Services): Route[] {
  const following = {
    ...services,
    tails: createTails({ ...services, db: services.database.kysely }),
    catchUp: createCatchUp(services.database.until),
  }
  return [
    {
      method: 'get',
      path: '/events/stream',
      scope: 'read',
      family: 'configuration',
      tag: 'Log',
      operationId: 'followEvents',
      summary: 'Follow the log: its events, and then each new one, as server-sent events.',
      description:
        'Each `data` is an event as JSON on one line: a line break between tokens of its payload ' +
        'is a space. Each `id` is a position: send the last one to go on after it. A client that ' +
        'takes nothing for ten seconds is cut off.',
      parameters: [tenantHeader, ...positionParameters, ...filterParameters],
      responses: {
        200: {
          description: 'Events, and a comment after 15 seconds without one. It does not end.',
          types: ['text/event-stream'],
          schema: Type.String({ title: 'EventStream', examples: [EXAMPLE] }),
        },
        400: { description: 'Bad request; the message names the field.' },
        429: { description: `The tenant has ${limits.streamsPerTenant} streams on this process.` },
      },
      async handle(context) {
        const tenant = tenantOf(context, 'read')
        const { filter, after } = wantedOf(context)
        await serve(context, { tenant, filter, after }, following)
      },
    },
  ]
}

/** `after` is undefined for the end of the log. */
type Wanted = { filter: SearchFilter; after: number | undefined }

/** Throws `invalid_request` with what is wrong with the query or with the id. */
function wantedOf({ req, query }: RequestContext): Wanted {
  const faults: Fault[] = []
  const filter = searchFilterOf(query, faults)
  const after = positionIn('after', query['after'], faults)
  const lastId = positionIn('last-event-id', req.headers['last-event-id'], faults)
  if (faults.length > 0) throw invalid(faults)
  return { filter, after: lastId ?? after }
}

function positionIn(
  field: string,
  given: string | string[] | undefined,
  faults: Fault[],
): number | undefined {
  // A client of the standard that has no id yet may send an empty one.
  if (given === undefined || (given === '' && field === 'last-event-id')) return undefined
  const position = readWhole(String(given))
  if (Number.isSafeInteger(position)) return position
  faults.push(fault(field, 'invalid', 'must be a position, such as 1763640000123456'))
  return undefined
}

type Following = Services & { tails: Tails; catchUp: CatchUp }

/** Answers with a stream, until it ends. Throws before it begins if there is no room for it. */
async function serve(
  context: RequestContext,
  { tenant, filter, after }: Wanted & { tenant: string },
  { database, streams, tails, catchUp, logger }: Following,
): Promise<void> {
  let stream: EventStream | undefined
  let reason: string | undefined
  const remove = streams.add({
    tenant,
    isAllowed: () => mayStillRead(context, tenant),
    end(why) {
      reason = why
      stream?.end(endingFrame(why))
    },
  })
  try {
    const { tail, release } = await tails.open(tenant)
    try {
      const start = after ?? (await readLastPosition(database.kysely, tenant))
      const { requestId } = context.state
      stream = openEventStream(context, () =>
        logger.debug({ requestId, tenant }, 'a client reads too slowly: its stream is cut off'),
      )
      if (reason !== undefined) stream.end(endingFrame(reason))
      const { signal } = stream
      if (context.method !== 'HEAD') {
        await follow({ tenant, filter, tail, catchUp, sink: stream, signal }, start)
      }
    } finally {
      release()
    }
  } finally {
    remove()
    stream?.end()
  }
}

/** Whether the token is still valid, as far as can be known now. */
async function mayStillRead({ state }: RequestContext, tenant: string): Promise<boolean> {
  const { expiresAt } = state.identity
  if (expiresAt !== null && expiresAt.getTime() <= Date.now()) return false
  try {
    requireScope(await state.identifyAgain(), tenant, 'read')
    return true
  } catch (error) {
    return !(error instanceof MillraceError) || error.status >= 500
  }
}
