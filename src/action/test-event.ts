// A test: one event that is made up, sent to an integration outside of its stream and of the log,
// whether it runs or not. The request is the one of delivery, and says that it is a test.

import { randomUUID } from 'node:crypto'
import type { Static } from 'typebox'
import type { OutgoingEvent } from '../destination/destination.ts'
import type { Trial } from '../destination/trial.ts'
import { fault, invalid } from '../errors.ts'
import { filterOf, type IntegrationDocument } from '../integration/integration.ts'
import { knownEventTypes } from '../log/catalog.ts'
import { EXAMPLE_PAYLOAD, entityOf, type LoggedEvent } from '../log/event.ts'
import { timeOf } from '../log/position.ts'
import type { TestEvent, TestResult } from './schemas.ts'

/** Refuses a body that names an event of the log and makes one up. Throws `invalid_request`. */
export function refuseMixed({ name, payload, position }: Static<typeof TestEvent>): void {
  if (position === undefined || (name === undefined && payload === undefined)) return
  const reason = 'and name or payload exclude each other'
  throw invalid([fault('position', 'not_allowed', reason)])
}

/** `payload`: its JSON as it was given. */
type TestAsked = {
  name: string | undefined
  payload: string | undefined
  logged: LoggedEvent | undefined
  now: number
}

/**
 * The event of a test, at the time `now` (ms): `logged`, or one made up of the body. Its webhook-id
 * and idempotency key are its own, so that no receiver takes it for the real one.
 */
export function testEventOf(
  tenant: string,
  document: IntegrationDocument,
  asked: TestAsked,
): OutgoingEvent {
  const { logged, now } = asked
  const position = logged?.position ?? now * 1000
  const testId = `test_${tenant}_${randomUUID()}`
  return {
    tenant,
    position,
    name: logged?.name ?? asked.name ?? nameFor(document),
    entityId: logged?.entityId ?? 'test',
    idempotencyKey: testId,
    publishedAt: timeOf(position),
    traceparent: null,
    payload: logged?.payload ?? asked.payload ?? JSON.stringify(EXAMPLE_PAYLOAD),
    testId,
  }
}

/** A name that the filter takes; it need not be one that is published. */
function nameFor(document: IntegrationDocument): string {
  const filter = filterOf(document)
  const [name] = filter?.names ?? []
  if (name !== undefined) return name
  const [entity = 'order'] = filter?.entities ?? []
  const known = knownEventTypes.find(({ name }) => entityOf(name) === entity)
  return known?.name ?? `${entity}.created`
}

/** A trial in an answer. */
export function presentTrial({ outcome, sent, received, ms }: Trial): Static<typeof TestResult> {
  const { url, headers, body, signedText } = sent
  return {
    outcome: outcome.kind,
    reason: outcome.kind === 'delivered' ? null : outcome.reason,
    sent: { url, headers, body, signed_text: signedText },
    received: received ?? null,
    duration_ms: ms,
  }
}
