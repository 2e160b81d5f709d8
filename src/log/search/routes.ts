// GET /events and GET /events/{position}: the log for its readers (docs/read.md).

import { setTimeout as sleep } from 'node:timers/promises'
import { Type } from 'typebox'
import { limits } from '../../config.ts'
import type { Database, Db } from '../../db/pool.ts'
import { MillraceError } from '../../errors.ts'
import { requireScope } from '../../http/authorize.ts'
import { closeSignalOf, onCloseOf } from '../../http/body.ts'
import { createBudget } from '../../http/budget.ts'
import type { Parameter, RequestContext, Route } from '../../http/route.ts'
import { tenantHeader, tenantOf } from '../../http/tenant.ts'
import type { Hub } from '../hub.ts'
import { PositionValue } from '../position.ts'
import { positionInPath } from '../query.ts'
import { logHasPassed } from '../read.ts'
import { EventOfLog, lineOfEvent, type ShownEvent, textOfEvent } from '../shown.ts'
import { type SearchRequest, searchParameters, searchRequestOf } from './request.ts'
import { readShown, type SearchPage, search } from './search.ts'
import { createWaitingRoom } from './waiting.ts'

const NDJSON = 'application/x-ndjson'
/** At most this often a waiting call searches again. */
const SEARCH_AGAIN_MS = 100

const FoundEvents = Type.Object(
  {
    events: Type.Array(EventOfLog, { maxItems: limits.pageLength }),
    next: Type.Union([PositionValue('Where to go on.'), Type.Null()], {
      description:
        'Where to go on: the value of `after` for the next page, or of `before` in descending ' +
        'order. Null at the end of what there is; events may still come. A page may be short, or ' +
        'empty, and still have it.',
    }),
  },
  { title: 'FoundEvents' },
)

const positionParameter: Parameter = {
  in: 'path',
  name: 'event_name',
  description:
    "The event's position. (The paths of publishing and reading are one, and so is their name.)",
  required: true,
  schema: PositionValue('A position.'),
}

/** `stopping` ends calls that wait. */
type Services = { database: Database; hub: Hub; stopping: AbortSignal }

/** The routes of readers. */
export function searchRoutes(services: Services): Route[] {
  const { database } = services
  const find = createFinder(services)
  return [
    {
      method: 'get',
      path: '/events',
      scope: 'read',
      family: 'configuration',
      tag: 'Log',
      operationId: 'searchEvents',
      summary: 'Search the log.',
      description:
        'An event is found if all given parameters hold. A page has at most ' +
        `${limits.searchBytes} bytes of payloads, or one event. One call looks at a bounded part ` +
        `of the log. The answer may be lines of JSON (\`Accept: ${NDJSON}\`), an event a line; ` +
        'a line break between tokens of a payload is a space there.',
      parameters: [tenantHeader, ...searchParameters],
      responses: {
        200: {
          description: 'A page of events.',
          schema: FoundEvents,
          types: ['application/json', NDJSON],
          headers: ['link'],
        },
        400: { description: 'Bad request; the message names each parameter.' },
        429: {
          description:
            `More than ${limits.waitingSearchesPerTenant} calls of the tenant wait for an event, ` +
            `or ${limits.waitingSearches} of all.`,
        },
      },
      async handle(context) {
        const tenant = tenantOf(context, 'read')
        const { page, events } = await find(context, searchRequestOf(context.query, tenant))
        answer(context, page, events)
      },
    },
    {
      method: 'get',
      path: '/events/:event_name',
      scope: 'read',
      family: 'configuration',
      tag: 'Log',
      operationId: 'getLoggedEvent',
      summary: 'An event of the log, by its position.',
      parameters: [tenantHeader, positionParameter],
      responses: {
        200: { description: 'The event.', schema: EventOfLog },
        400: { description: 'Bad request; the message names the field.' },
        404: { description: 'The tenant has no such event, or no more.' },
      },
      async handle(context) {
        const tenant = tenantOf(context, 'read')
        const position = positionInPath(context.params['event_name'] ?? '')
        const [event] = await readShown(database.kysely, tenant, [position])
        if (!event) throw new MillraceError('not_found', `No event has the position ${position}.`)
        context.type = 'application/json'
        context.body = textOfEvent(event)
      },
    },
  ]
}

/** `onGone` registers actions for the end of the answer, or of its client; `db` ends with them. */
type Call = { db: Db; onGone(act: () => void): void }
type FoundPage = { page: SearchPage; events: ShownEvent[] }

/** Searches, and waits for a first event if it shall. Searches take turns, tenant by tenant. */
function createFinder({ database, hub, stopping }: Services) {
  const turns = createBudget(limits.searches, 'Too many searches are under way; try again.')
  const bytes = createBudget(limits.searchesBytes, 'Too many pages are being sent; try again.')
  const waitingRoom = createWaitingRoom()

  return async ({ res, state }: RequestContext, request: SearchRequest): Promise<FoundPage> => {
    const { waitMs, range } = request
    const gone = closeSignalOf(res)
    const db = database.until(gone)
    const call: Call = { db, onGone: onCloseOf(res) }
    if (waitMs === 0) return findOnce(call, request)
    const leave = waitingRoom.enter(range.tenant)
    const watch = hub.watch(range.tenant)
    const signal = AbortSignal.any([gone, stopping])
    try {
      const deadline = performance.now() + waitMs
      for (let { after } = range; ; ) {
        const again = performance.now() + SEARCH_AGAIN_MS
        const found = await findOnce(call, { ...request, range: { ...range, after } })
        if (found.page.found.length > 0 || found.page.next !== null) return found
        after = found.page.through
        const left = deadline - performance.now()
        // A range that has an end may have passed.
        if (left <= 0 || (await logHasPassed(db, range.before - 1))) return found
        if (!(await watch.moved(left, signal))) return found
        // The token may have ended during the wait, or been revoked.
        requireScope(await state.identifyAgain(), range.tenant, 'read')
        await sleep(Math.max(0, again - performance.now()))
      }
    } finally {
      watch.close()
      leave()
    }
  }

  async function findOnce({ db, onGone }: Call, request: SearchRequest): Promise<FoundPage> {
    const { tenant, descending } = request.range
    const release = await turns(tenant, 1, onGone)
    const page = await search(db, request).finally(release)
    const size = page.found.reduce((sum, event) => sum + event.bytes, 0)
    if (size > 0) onGone(await bytes(tenant, size, onGone))
    const positions = page.found.map(({ position }) => position)
    const events = await readShown(db, tenant, positions)
    return { page, events: descending ? events.reverse() : events }
  }
}

function answer(context: RequestContext, { next }: SearchPage, events: ShownEvent[]): void {
  if (next !== null) context.set('link', `<${urlOfNext(context, next)}>; rel="next"`)
  context.vary('accept')
  if (context.accepts('application/json', NDJSON) === NDJSON) {
    context.type = NDJSON
    context.body = events.map((event) => `${lineOfEvent(event)}\n`).join('')
  } else {
    context.type = 'application/json'
    context.body = `{"events":[${events.map(textOfEvent).join()}],"next":${next}}`
  }
}

/** The same search from a position on, relative to its host. */
function urlOfNext({ query, path }: RequestContext, next: number): string {
  const { order, ...rest } = query
  const edge = order === 'desc' ? { order, before: `${next}` } : { after: `${next}` }
  const fields = Object.entries({ ...rest, ...edge }).flatMap(([field, values]) =>
    [values ?? []].flat().map((value): [string, string] => [field, value]),
  )
  return `${path}?${new URLSearchParams(fields)}`
}
