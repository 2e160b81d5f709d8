// The replays of an integration or a subscription: events of a range once more, to the same target,
// beside the live stream (docs/replay.md). The engine that sends them is in delivery.

import type { Clock } from '../clock.ts'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import { untilKnown } from '../db/until-known.ts'
import {
  findSubject,
  integrationSubject,
  refuseEnded,
  type Subject,
  subscriptionSubject,
} from '../delivery/subject.ts'
import { fault, invalid, MillraceError } from '../errors.ts'
import { readJson } from '../http/body.ts'
import { cutPage, pageOf, pageParameters, unknownPage } from '../http/page.ts'
import type { RequestContext, Route } from '../http/route.ts'
import { tenantHeader, tenantOf } from '../http/tenant.ts'
import { compile } from '../http/validate.ts'
import { commonErrors, notFound } from '../integration/schemas.ts'
import { warningsOfFilter } from '../integration/warn.ts'
import { positionBefore, timeOf } from '../log/position.ts'
import { countEvents, oldestPosition } from './count.ts'
import { findReplay, listReplays, type Owner } from './find.ts'
import { planReplay } from './plan.ts'
import {
  DryRun,
  dryRunParameter,
  LARGEST_NUMBER,
  NewReplay,
  numberParameter,
  Replay,
  ReplayList,
} from './schemas.ts'
import { cancelReplay, countStarted, startReplay } from './start.ts'

type ReplayServices = {
  db: Db
  clock: Clock
  /** How long a replay stays available after its end. */
  retentionDays: number
  /** Notifies delivery at once. */
  onStarted(tenant: string): void
  /** `named`: id/number. */
  requestHalt(tenant: string, named: string): void
}

/** The routes of replays. */
export function replayRoutes(services: ReplayServices): Route[] {
  return [...routesOf(integrationSubject, services), ...routesOf(subscriptionSubject, services)]
}

function routesOf(subject: Subject, services: ReplayServices): Route[] {
  const { db, clock, retentionDays, onStarted, requestHalt } = services
  const check = compile(NewReplay)
  const prefix = subject.noun === 'Integration' ? '' : 'Subscription'
  const noun = subject.noun.toLowerCase()
  const common = { family: 'configuration', tag: 'Deliveries' } as const
  const parameters = [tenantHeader, subject.parameter]
  const path = `${subject.path}/replays`
  const one = { ...common, path: `${path}/:number`, parameters: [...parameters, numberParameter] }
  const errors = { ...notFound, ...commonErrors }
  const known = `A replay stays available for ${retentionDays} days after its end.`

  return [
    {
      ...common,
      method: 'post',
      path,
      scope: 'configure',
      limited: 'changes',
      operationId: `start${prefix}Replay`,
      summary: `Send the events of a range once more to the ${noun}.`,
      description:
        'They go to its target, with its secrets, beside its live stream; from and to are ' +
        'included. filter_conditions replaces its filter for this replay. Two replays run one ' +
        `after the other; at most ${limits.replaysUnderWay} are under way or queued. While it ` +
        'is stopped, its replays wait. A replay that fails ends alone. Events are counted for at ' +
        `most ${limits.replayCountMs} ms; beyond that the total is an estimate.`,
      parameters: [...parameters, dryRunParameter],
      body: NewReplay,
      responses: {
        ...errors,
        200: { description: 'With dry_run: what it would send.', schema: DryRun },
        201: { description: 'It was started, or queued.', schema: Replay },
        409: { description: 'Too many of its replays are under way or queued.' },
      },
      async handle(context) {
        const { tenant, consumer, owner } = await find(context, 'configure')
        const isDry = flagOf(context, dryRunParameter.name)
        const body = check(await readJson(context, limits.configurationBytes))
        refuseEnded(subject, nameOf(context), consumer)
        const plan = planReplay(body, consumer, clock())
        const warnings = await warningsOfFilter(db, tenant, body)
        if (isDry) {
          const { events, isEstimate } = await countEvents(db, { tenant, ...plan })
          const oldest = await oldestPosition(db, tenant)
          const to = Math.min(plan.to, clock() * 1000)
          const range = { from: timeOf(plan.from), to: timeOf(to) }
          const oldest_event_at = oldest === undefined ? null : timeOf(oldest)
          context.body = { ...range, events, is_estimate: isEstimate, oldest_event_at, ...warnings }
          return
        }
        const { actor } = context.state.identity
        const job = { tenant, consumer: consumer.id }
        const number = await startReplay(db, job, plan, actor)
        onStarted(tenant)
        // An error would make the client start another one: without a count it is not known.
        await countStarted(db, { ...job, number }, plan).catch(() => {})
        context.status = 201
        context.body = { ...(await untilKnown(() => findOne(owner, number))), ...warnings }
      },
    },
    {
      ...common,
      method: 'get',
      path,
      scope: 'read',
      operationId: `list${prefix}Replays`,
      summary: `The replays of the ${noun}, newest first.`,
      description: known,
      parameters: [...parameters, ...pageParameters(limits.replaysListed)],
      responses: { ...errors, 200: { description: 'A page of them.', schema: ReplayList } },
      async handle(context) {
        const { owner } = await find(context, 'read')
        const page = pageOf(context, limits.replaysListed)
        if (page.after !== undefined && !isNumber(page.after)) throw unknownPage()
        const found = await listReplays(db, owner, {
          before: page.after === undefined ? LARGEST_NUMBER : Number(page.after),
          limit: page.limit + 1,
          now: clock(),
        })
        const { rows, next } = cutPage(found, page, ({ number }) => String(number))
        context.body = { replays: rows, ...(next ? { next } : {}) }
      },
    },
    {
      ...one,
      method: 'get',
      scope: 'read',
      operationId: `get${prefix}Replay`,
      summary: 'A replay: its state, its progress, and an estimate of its end.',
      description: known,
      responses: { ...errors, 200: { description: 'The replay.', schema: Replay } },
      async handle(context) {
        const number = numberOf(context)
        const { owner } = await find(context, 'read')
        context.body = await findOne(owner, number)
      },
    },
    {
      ...one,
      method: 'delete',
      scope: 'configure',
      operationId: `cancel${prefix}Replay`,
      summary: 'Cancel a replay; its record stays.',
      description:
        'No request leaves once the state is `cancelled`. The answer waits a few seconds for ' +
        'that. If a request in flight takes longer, the state is `cancelling`: poll the replay.',
      responses: {
        ...errors,
        200: { description: 'The replay, cancelled or about to be.', schema: Replay },
        409: { description: 'It has completed or failed.' },
      },
      async handle(context) {
        const number = numberOf(context)
        const { tenant, consumer, owner } = await find(context, 'configure')
        // Only one that its tenant can see, of the newest life of its consumer.
        await findOne(owner, number)
        const { actor } = context.state.identity
        const job = { tenant, consumer: consumer.id, run: number }
        const state = await cancelReplay(db, job, { actor, requestHalt })
        if (state === 'completed' || state === 'failed') {
          throw new MillraceError('conflict', `Replay ${number} has ${state} already.`)
        }
        // The next one in the queue may have begun.
        onStarted(tenant)
        context.body = await findOne(owner, number)
      },
    },
  ]

  function nameOf({ params }: RequestContext): string {
    return params[subject.parameter.name] as string
  }

  async function find(context: RequestContext, scope: 'read' | 'configure') {
    const tenant = tenantOf(context, scope)
    const since = positionBefore(clock(), retentionDays)
    const consumer = await findSubject(db, subject, { tenant, name: nameOf(context), since })
    const { id, createdPosition } = consumer
    return { tenant, consumer, owner: { tenant, id, createdPosition, since } }
  }

  async function findOne(owner: Owner, number: number) {
    const found = await findReplay(db, owner, number, clock())
    if (found) return found
    throw new MillraceError('not_found', `There is no replay ${number} of this ${noun}.`)
  }
}

function isNumber(text: string): boolean {
  return /^[1-9]\d{0,9}$/.test(text) && Number(text) <= LARGEST_NUMBER
}

function numberOf({ params }: RequestContext): number {
  const text = params[numberParameter.name] as string
  if (isNumber(text)) return Number(text)
  throw new MillraceError('not_found', `There is no replay ${JSON.stringify(text)}.`)
}

function flagOf({ query }: RequestContext, name: string): boolean {
  const value = query[name]
  if (value === undefined || value === 'false') return false
  if (value === 'true') return true
  throw invalid([fault(name, 'invalid', 'must be true or false')])
}
