// /event-types: the event types of a tenant, and the schemas that it registers
// (docs/event-types.md).

import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import { fault, invalid, MillraceError } from '../errors.ts'
import { readJson } from '../http/body.ts'
import { askedVersion, ifMatch } from '../http/if-match.ts'
import { cutPage, pageOf, pageParameters, unknownPage } from '../http/page.ts'
import type { RequestContext, Route } from '../http/route.ts'
import { tenantHeader, tenantOf } from '../http/tenant.ts'
import { compile } from '../http/validate.ts'
import { changedMeanwhile, etagOf } from '../input/etag.ts'
import { compileSchema } from '../json-schema/compile.ts'
import { isAlert, reservedFault } from '../log/alert.ts'
import { isEventName } from '../log/event.ts'
import {
  findEventType,
  listEventTypes,
  type RegisteredDocument,
  readAllNames,
  showEventType,
} from '../log/event-type.ts'
import type { TypeCache } from './cache.ts'
import { changeRegistered } from './registered.ts'
import { EventType, EventTypeList, eventNameParameter, NewEventType } from './schemas.ts'

const bad = { 400: { description: 'Bad request; the message names the field.' } }
const none = { 404: { description: 'Nobody has published or registered it.' } }
const headers: ['etag'] = ['etag']
const shown = { 200: { description: 'The event type.', schema: EventType, headers } }
const otherVersion = {
  412: { description: 'The registered version is not one that If-Match names.' },
}

/** The routes of event types. */
export function eventTypeRoutes({ db, types }: { db: Db; types: TypeCache }): Route[] {
  const check = compile(NewEventType)
  const common = { family: 'configuration', tag: 'Event types' } as const
  const one = { ...common, path: '/event-types/:event_name' } as const
  const parameters = [tenantHeader, eventNameParameter]

  return [
    {
      ...common,
      method: 'get',
      path: '/event-types',
      scope: 'read',
      operationId: 'listEventTypes',
      summary: 'The known event types, and those that the tenant has published or registered.',
      description:
        `By name. Of more than ${limits.storedEventTypes} published names, those that were ` +
        'published last.',
      parameters: [tenantHeader, ...pageParameters(limits.pageLength)],
      responses: { 200: { description: 'A page of them.', schema: EventTypeList }, ...bad },
      async handle(context) {
        const tenant = tenantOf(context, 'read')
        const page = pageOf(context, limits.pageLength)
        if (page.after !== undefined && !isEventName(page.after)) throw unknownPage()
        const found = await listEventTypes(db, tenant, { after: page.after, most: page.limit + 1 })
        const { rows, next } = cutPage(found, page, ({ name }) => name)
        context.body = { event_types: rows, ...(next ? { next } : {}) }
      },
    },
    {
      ...one,
      method: 'get',
      scope: 'read',
      operationId: 'getEventType',
      summary: 'An event type, with its schema if one is registered.',
      description: 'An ETag is in the answer if it is registered.',
      parameters,
      responses: { ...shown, ...bad, ...none },
      async handle(context) {
        const tenant = tenantOf(context, 'read')
        const name = nameOf(context)
        await readAllNames(db, tenant)
        const found = await findEventType(db, tenant, name)
        if (!found) throw new MillraceError('not_found', `There is no event type ${name}.`)
        if (found.version !== null) context.set('etag', etagOf(found.version))
        context.body = found.type
      },
    },
    {
      ...one,
      method: 'put',
      scope: 'configure',
      limited: 'changes',
      operationId: 'registerEventType',
      summary: 'Register an event type, or replace what is registered.',
      description:
        'From now on its events are checked: `reject` refuses those that do not follow the ' +
        'schema with 400, `warn` takes them with `warnings` in the answer. Other processes of ' +
        `the service know it within 3 seconds. At most ${limits.registeredTypes} types and ` +
        `${limits.registeredBytes} bytes a tenant.`,
      parameters: [...parameters, ifMatch],
      body: NewEventType,
      responses: {
        ...shown,
        400: { description: 'Bad request, or the schema is not one; the message says where.' },
        ...otherVersion,
      },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const name = nameOf(context)
        if (isAlert(name)) throw invalid([reservedFault('event_name')])
        const document = check(await readJson(context, limits.configurationBytes))
        const compiled = compileSchema(document.schema, 'schema')
        if ('faults' in compiled) throw invalid(compiled.faults)
        const { last_published_at = null } = (await findEventType(db, tenant, name))?.type ?? {}
        const version = await change(context, { tenant, name }, document)
        context.set('etag', etagOf(version))
        context.body = { ...showEventType({ name, last: null, document }), last_published_at }
      },
    },
    {
      ...one,
      method: 'delete',
      scope: 'configure',
      operationId: 'removeEventType',
      summary: 'Remove a registration: events of this type are no longer checked.',
      parameters: [...parameters, ifMatch],
      responses: {
        204: { description: 'Removed. Its history stays in the config log.' },
        404: { description: 'It is not registered.' },
        ...bad,
        ...otherVersion,
      },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        await change(context, { tenant, name: nameOf(context) }, null)
        context.status = 204
      },
    },
  ]

  async function change(
    context: RequestContext,
    of: { tenant: string; name: string },
    document: RegisteredDocument | null,
  ): Promise<number> {
    const version = async () => (await findEventType(db, of.tenant, of.name))?.version ?? null
    const ifVersion = await askedVersion(context, of.name, version)
    const { actor } = context.state.identity
    const reason = document ? 'Registered via API.' : 'Removed via API.'
    const changed = await changeRegistered(db, of, document, { actor, reason, ifVersion })
    types.forget(of.tenant)
    if (changed.outcome === 'changed' || changed.outcome === 'unchanged') return changed.version
    throw refusalOf(changed.outcome, of.name)
  }
}

type Refused = Exclude<Awaited<ReturnType<typeof changeRegistered>>, { version: number }>['outcome']

function refusalOf(outcome: Refused, name: string): MillraceError {
  switch (outcome) {
    case 'changed_meanwhile':
      return changedMeanwhile(name)
    case 'absent':
      return new MillraceError('not_found', `The event type ${name} is not registered.`)
    case 'too_many': {
      const message = `At most ${limits.registeredTypes} event types can be registered.`
      return new MillraceError('too_many_event_types', message)
    }
    case 'too_large': {
      const most = `all registered types together have at most ${limits.registeredBytes} bytes`
      return invalid([fault('schema', 'too_large', `is too large: ${most}`)])
    }
  }
}

function nameOf(context: RequestContext): string {
  const name = context.params['event_name'] as string
  if (isEventName(name)) return name
  const rule = 'must be <entity>.<action> of letters, digits, _ and -, like order.created'
  throw invalid([fault('event_name', 'invalid', rule)])
}
