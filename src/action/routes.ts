// Actions on a stream, by hand: a test event, a skip of the event that holds it up, a resend. Each
// is an entry of the config log, with who asked for it.

import type { Clock } from '../clock.ts'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import type { Destinations } from '../delivery/destinations.ts'
import {
  type FoundConsumer,
  findSubject,
  integrationSubject,
  noSuchSubject,
  refuseEnded,
  type Subject,
  subscriptionSubject,
} from '../delivery/subject.ts'
import { fault, invalid, MillraceError } from '../errors.ts'
import { jsonOf, readBody, readJson } from '../http/body.ts'
import type { RequestContext, Route } from '../http/route.ts'
import { tenantHeader, tenantOf } from '../http/tenant.ts'
import { compile } from '../http/validate.ts'
import { textOfMember } from '../input/json-object.ts'
import type { IntegrationDocument } from '../integration/integration.ts'
import { commonErrors, notFound } from '../integration/schemas.ts'
import { positionBefore } from '../log/position.ts'
import { NotOpened } from '../sealing/secret.ts'
import { eventAt } from './logged-event.ts'
import { noteAction } from './note.ts'
import { resendEvent } from './resend.ts'
import { Resend, Resent, Skip, Skipped, TestEvent, TestResult } from './schemas.ts'
import { type SkipResult, skipEvent } from './skip.ts'
import { presentTrial, refuseMixed, testEventOf } from './test-event.ts'

/** A skip waits this much longer than an attempt may take, and at most a minute. */
const SLACK_MS = 2_000
const LONGEST_WAIT_MS = 60_000

type ActionServices = {
  db: Db
  clock: Clock
  retentionDays: number
  destinations: Pick<Destinations, 'of' | 'webhookOf' | 'atOnce'>
  /** The longest attempt of a consumer that does not say another time. */
  deliveryTimeoutMs: number
  /** Wakes delivery at once; without it the sweep does. */
  onSkipped(tenant: string): void
}

/** The routes of the actions. */
export function actionRoutes(services: ActionServices): Route[] {
  const { db, clock, destinations, retentionDays: days } = services
  const { atOnce } = destinations
  // Its payload is passed on as it stands: it may have what Postgres does not store.
  const checkTest = compile(TestEvent, ({ name }) => name ?? '')
  const checkSkip = compile(Skip)
  const checkResend = compile(Resend)
  const common = {
    family: 'configuration',
    tag: 'Actions',
    scope: 'configure',
    limited: 'changes',
    method: 'post',
  } as const
  const errors = { ...notFound, ...commonErrors }
  const conflict = (description: string) => ({ 409: { description } })

  return [
    {
      ...common,
      path: `${integrationSubject.path}/_test`,
      operationId: 'testIntegration',
      summary: 'Send a test event to the webhook, and see what left and what came back.',
      description:
        'Outside of the log and of the stream, whether the integration runs or not: the request ' +
        'of a delivery, to the same target with the same signature. Its `webhook-id` begins with ' +
        '`test_`, and `millrace-test` is `true`. Without a body the event is made up. Not for S3.',
      parameters: [tenantHeader, integrationSubject.parameter],
      body: TestEvent,
      responses: {
        200: { description: 'It was tried, with this result.', schema: TestResult },
        ...errors,
        ...conflict('No key opens the secrets of the integration.'),
      },
      async handle(context) {
        const { tenant, consumer } = await find(integrationSubject, context)
        const bytes = await readBody(context, limits.configurationBytes)
        const asked = checkTest(jsonOf(bytes, {}))
        refuseMixed(asked)
        const payload = textOfMember(bytes, 'payload')
        const document = consumer.configuration.document as IntegrationDocument
        const now = clock()
        const { position: at } = asked
        const logged = at === undefined ? undefined : await eventFor(tenant, consumer, at)
        const event = testEventOf(tenant, document, { name: asked.name, payload, logged, now })
        const webhook = openWebhook(tenant, document)
        context.body = await atOnce(tenant, async () => {
          await noteAction(db, tenant, consumer.id, {
            action: 'test_sent',
            actor: context.state.identity.actor,
            reason: `Test event ${event.name} sent via API, webhook-id ${event.testId}.`,
          })
          return presentTrial(await webhook.try(event))
        })
      },
    },
    ...[integrationSubject, subscriptionSubject].flatMap((subject): Route[] => [
      {
        ...common,
        path: `${subject.path}/_skip`,
        operationId: `skip${subject.noun}Event`,
        summary: 'Skip the event that holds up the stream: it is kept as rejected.',
        description:
          'Only the event that fails and is retried, or with which the stream stopped. The ' +
          'stream goes on at once; a stopped one goes on after the event when it is started. ' +
          'Waits for an attempt under way: an event that is taken meanwhile is not skipped. Not ' +
          'for S3.',
        parameters: [tenantHeader, subject.parameter],
        body: Skip,
        responses: {
          200: { description: 'It is skipped.', schema: Skipped },
          ...errors,
          400: {
            description: `Bad request, or ${limits.rejectedEvents} events are rejected already.`,
          },
          ...conflict(
            'This event does not hold up the stream; the message names the one that does.',
          ),
        },
        async handle(context) {
          const { tenant, consumer } = await find(subject, context)
          const { position, reason } = checkSkip(await readJson(context, limits.configurationBytes))
          const { actor } = context.state.identity
          const waitMs = longestAttemptMs(services, consumer) + SLACK_MS
          const result = await atOnce(tenant, () =>
            skipEvent(db, tenant, consumer.id, {
              position,
              actor,
              reason: asSentence(reason),
              waitMs: Math.min(waitMs, LONGEST_WAIT_MS),
            }),
          )
          if (result.outcome !== 'skipped') throw refusalOf(subject, context, position, result)
          services.onSkipped(tenant)
          const { rejectedId } = result
          context.body = {
            position,
            ...(rejectedId === undefined ? {} : { rejected_event_id: rejectedId }),
          }
        },
      },
      {
        ...common,
        path: `${subject.path}/_resend`,
        operationId: `resend${subject.noun}Event`,
        summary: 'Send one event of the log again.',
        description:
          'At once, under its own `webhook-id`, outside of the order of the stream, whether that ' +
          'runs or not and whatever the filter says. The stream goes on as before: what it has ' +
          'yet to send it still sends. Not for S3.',
        parameters: [tenantHeader, subject.parameter],
        body: Resend,
        responses: {
          200: { description: 'It was sent, with this result.', schema: Resent },
          ...errors,
          404: { description: 'There is none of this id, or no such event in the log any more.' },
        },
        async handle(context) {
          const { tenant, consumer } = await find(subject, context)
          const { position, reason = 'no reason was given' } = checkResend(
            await readJson(context, limits.configurationBytes),
          )
          const event = await eventFor(tenant, consumer, position)
          const destination = await destinations.of(tenant, consumer.configuration)
          const caller = { actor: context.state.identity.actor, reason: asSentence(reason) }
          context.body = await atOnce(tenant, () =>
            resendEvent(db, tenant, { consumer, event, destination }, caller),
          )
        },
      },
    ]),
  ]

  function eventFor(tenant: string, { id }: FoundConsumer, position: number) {
    return eventAt(db, { tenant, position, consumer: id }, { now: clock(), days })
  }

  /** One with a target for single events. Throws `not_found` or `invalid_request`. */
  async function find(subject: Subject, context: RequestContext) {
    const tenant = tenantOf(context, 'configure')
    const name = nameOf(subject, context)
    const since = positionBefore(clock(), days)
    const consumer = await findSubject(db, subject, { tenant, name, since })
    refuseEnded(subject, name, consumer)
    const { document } = consumer.configuration
    if ('s3_parameters' in document && document.s3_parameters) {
      const reason = 'are those of an integration that gets files, never a single event'
      throw invalid([fault('s3_parameters', 'not_allowed', reason)])
    }
    return { tenant, consumer }
  }

  function openWebhook(tenant: string, document: IntegrationDocument) {
    try {
      return destinations.webhookOf(tenant, document)
    } catch (error) {
      if (error instanceof NotOpened) throw new MillraceError('conflict', error.message)
      throw error
    }
  }
}

function longestAttemptMs(
  { deliveryTimeoutMs }: ActionServices,
  { configuration: { kind, document } }: FoundConsumer,
): number {
  const own = kind === 'integration' ? document.delivery?.timeout_ms : undefined
  return own ?? deliveryTimeoutMs
}

function refusalOf(
  subject: Subject,
  context: RequestContext,
  position: number,
  { outcome, failingPosition }: SkipResult,
): MillraceError {
  const name = nameOf(subject, context)
  const consumer = `the ${subject.noun.toLowerCase()} ${JSON.stringify(name)}`
  const event = `The event at position ${position}`
  if (outcome === 'absent') return noSuchSubject(subject, name)
  if (outcome === 'full') {
    const { rejectedEvents: most } = limits
    const message = `There is no room: ${most} events are rejected. Retry or delete one first.`
    return new MillraceError('too_many_rejected_events', message)
  }
  if (outcome === 'busy') {
    const message = `${event} is being sent, and the outcome is open: try again.`
    return new MillraceError('conflict', message)
  }
  const other = failingPosition
    ? `the event at position ${failingPosition} does`
    : 'no event does. It may be delivered by now'
  return new MillraceError('conflict', `${event} does not hold up ${consumer}: ${other}.`)
}

function nameOf({ parameter }: Subject, { params }: RequestContext): string {
  return params[parameter.name] as string
}

function asSentence(reason: string): string {
  return /[.!?]$/.test(reason) ? reason : `${reason}.`
}
