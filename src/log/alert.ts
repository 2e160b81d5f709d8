// Alerts: what happens to a tenant's streams, as events of the entity millrace in the tenant's own
// log. The database appends them with the change (sql/functions/alert_of_change.sql and its like);
// here are their names and payloads, for API documents.

import { Type } from 'typebox'
import { type Fault, fault } from '../errors.ts'
import { entityOf } from './event.ts'
import { PositionValue } from './position.ts'

/** The entity of alerts. */
export const ALERT_ENTITY = 'millrace'

/** Whether an event of this name is an alert: only Millrace itself appends one. */
export const isAlert = (name: string): boolean => entityOf(name) === ALERT_ENTITY

/** The fault of a request that would publish or register an alert; `field` has its name. */
export function reservedFault(field: string): Fault {
  const reason = `is of the entity "${ALERT_ENTITY}", which is reserved for alerts of Millrace`
  return fault(field, 'reserved', reason)
}

const subject = {
  kind: Type.Enum(['integration', 'subscription', 'job'], { description: 'What it is about.' }),
  id: Type.String({ description: 'Its id in the API.', examples: ['erp-1'] }),
  reason: Type.String({ description: 'Why, as a sentence.', examples: ['Stopped via API.'] }),
}

/** An entry of the config log. */
const Change = Type.Object(
  {
    ...subject,
    actor: Type.String({
      description: 'Who: a key, a token, or millrace itself.',
      examples: ['millrace'],
    }),
    status: Type.Enum(['running', 'stopped', 'removed'], { description: 'After the change.' }),
    version: Type.Integer({ minimum: 1, description: 'Of the configuration, after the change.' }),
  },
  { title: 'ChangeAlert' },
)
const Interruption = Type.Object(
  {
    ...subject,
    attempts: Type.Integer({ minimum: 1, description: 'Failures in a row.' }),
    event_position: Type.Optional(PositionValue('The position of the event that failed.')),
  },
  { title: 'InterruptionAlert' },
)
const Recovery = Type.Object(subject, { title: 'RecoveryAlert' })
const Limit = Type.Object(
  {
    ...subject,
    rejected_events: Type.Integer({ minimum: 1, description: 'How many are kept.' }),
  },
  { title: 'LimitAlert' },
)

const interrupted = 'Its target does not take an event, which is sent again.'
const recovered = 'Its stream goes on after an interruption.'

const alerts: Record<string, [description: string, payload: Type.TSchema]> = {
  integration_started: ['An integration was registered or started.', Change],
  integration_stopped: ['An integration was stopped, by somebody or after failures.', Change],
  integration_updated: ['The configuration of an integration was changed.', Change],
  integration_completed: ['A temporary integration has delivered its last event.', Change],
  integration_deleted: ['An integration was deleted.', Change],
  integration_interrupted: [interrupted, Interruption],
  integration_recovered: [recovered, Recovery],
  rejected_limit_reached: ['An integration keeps as many rejected events as it may.', Limit],
  subscription_started: ['A subscription was created or activated.', Change],
  subscription_stopped: ['A subscription was deactivated, by somebody or after failures.', Change],
  subscription_updated: ['The configuration of a subscription was changed.', Change],
  subscription_interrupted: [interrupted, Interruption],
  subscription_recovered: [recovered, Recovery],
  retention_at_risk: ['Events that were not sent yet will be removed within a day.', Change],
  events_expired: ['Events that were not sent yet are older than the retention.', Change],
  replay_completed: ['A replay has sent its last event.', Change],
  replay_failed: ['A replay was given up after failures.', Change],
  replay_cancelled: ['A replay was cancelled.', Change],
  job_run_failed: ['A run of a notification job has failed.', Change],
}

/** Each alert's name, description and the schema of its payload, as documents show them. */
export const alertTypes = Object.entries(alerts).map(([action, [description, schema]]) => ({
  name: `${ALERT_ENTITY}.${action}`,
  description,
  schema,
}))
