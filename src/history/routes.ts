// The history of a consumer: its log, its statistics, and the files of an integration
// (docs/integrate.md). Integrations and subscriptions have the same operations, each kind under its
// own path.

import type { Clock } from '../clock.ts'
import type { Db } from '../db/pool.ts'
import {
  findSubject,
  integrationSubject,
  noSuchSubject,
  type Subject,
  subscriptionSubject,
} from '../delivery/subject.ts'
import type { RequestContext, Route } from '../http/route.ts'
import { tenantHeader, tenantOf } from '../http/tenant.ts'
import { commonErrors, notFound } from '../integration/schemas.ts'
import { positionBefore } from '../log/position.ts'
import { FileList, fileParameters, readFiles } from './files.ts'
import { logParameters, readLogEntries } from './log-entries.ts'
import { Logs, StatisticsShown } from './schemas.ts'
import { readStatistics } from './statistics.ts'

export type HistoryServices = {
  db: Db
  clock: Clock
  /** How long the history of an ended consumer stays available. */
  retentionDays: number
}

/** The routes of the history. */
export function historyRoutes(services: HistoryServices): Route[] {
  return [
    ...routesOf(integrationSubject, services),
    filesRoute(integrationSubject, services),
    ...routesOf(subscriptionSubject, services),
  ]
}

function routesOf(subject: Subject, services: HistoryServices): Route[] {
  const { db, clock } = services
  const { path, noun } = subject
  const knownFor = retentionNote(services)
  const common = { family: 'configuration', tag: 'Deliveries', description: knownFor } as const
  const all = { ...common, parameters: [tenantHeader, subject.parameter] }
  const errors = { ...notFound, ...commonErrors }

  return [
    {
      ...all,
      parameters: [...all.parameters, ...logParameters],
      method: 'get',
      path: `${path}/logs`,
      scope: 'read',
      operationId: `list${noun}LogEntries`,
      summary: `Get ${noun.toLowerCase()} log: the last 50 entries, newest first.`,
      responses: { 200: { description: 'The entries.', schema: Logs }, ...errors },
      async handle(context) {
        const { tenant, consumer } = await findConsumer(services, subject, context, 'read')
        context.body = { entries: await readLogEntries(db, tenant, consumer, context.query) }
      },
    },
    {
      ...all,
      method: 'get',
      path: `${path}/stats`,
      scope: 'read',
      operationId: `get${noun}Statistics`,
      summary: 'Lag, rate, latency, failures, and the progress of a replay.',
      responses: { 200: { description: 'Statistics.', schema: StatisticsShown }, ...errors },
      async handle(context) {
        const read = async () => {
          const { tenant, consumer } = await findConsumer(services, subject, context, 'read')
          const times = { now: clock(), retainedFrom: retainedFrom(services) }
          return readStatistics(db, tenant, consumer, times)
        }
        // The first read may meet a consumer that is just ending; the second one sees the end.
        const found = (await read()) ?? (await read())
        if (!found) throw noSuchSubject(subject, nameInPath(subject, context))
        context.body = found
      },
    },
  ]
}

export function retentionNote({ retentionDays }: HistoryServices): string {
  const after = `A completed or deleted one stays available for ${retentionDays} days after its end`
  return `${after}. If an id was used again, it means the newest one.`
}

function filesRoute(subject: Subject, services: HistoryServices): Route {
  return {
    family: 'configuration',
    description: retentionNote(services),
    tag: 'Deliveries',
    parameters: [tenantHeader, subject.parameter, ...fileParameters],
    method: 'get',
    path: `${subject.path}/files`,
    scope: 'read',
    operationId: 'listIntegrationFiles',
    summary: 'The files that were written for an S3 integration, newest first.',
    responses: {
      200: { description: 'A page of them.', schema: FileList },
      ...notFound,
      ...commonErrors,
    },
    async handle(context) {
      const { tenant, consumer } = await findConsumer(services, subject, context, 'read')
      context.body = await readFiles(services.db, tenant, consumer, context.query)
    },
  }
}

/**
 * The tenant of a request, and the consumer that its path names. Throws `not_found`, or `forbidden`
 * without the scope.
 */
export async function findConsumer(
  services: Pick<HistoryServices, 'db' | 'clock' | 'retentionDays'>,
  subject: Subject,
  context: RequestContext,
  scope: 'read' | 'configure',
) {
  const tenant = tenantOf(context, scope)
  const name = nameInPath(subject, context)
  const since = retainedFrom(services)
  return { tenant, consumer: await findSubject(services.db, subject, { tenant, name, since }) }
}

/** The position from which the history is certainly kept. */
function retainedFrom({
  clock,
  retentionDays,
}: Pick<HistoryServices, 'clock' | 'retentionDays'>): number {
  return positionBefore(clock(), retentionDays)
}

export function nameInPath({ parameter }: Subject, { params }: RequestContext): string {
  return params[parameter.name] as string
}
