// The errors that a client may see: a stable code, its HTTP status, and a message with the fault
// and what to do. Any other exception is a bug or an outage, and a client sees only
// `internal_error`.

import { Type } from 'typebox'

/** The status of each code; documents show the first code of a status as their example. */
export const STATUSES = {
  invalid_request: 400,
  idempotency_key_reused: 400,
  too_many_integrations: 400,
  too_many_subscriptions: 400,
  too_many_jobs: 400,
  too_many_keys: 400,
  too_many_rejected_events: 400,
  too_many_event_types: 400,
  schema_violation: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  precondition_failed: 412,
  payload_too_large: 413,
  rate_limited: 429,
  too_many_changes: 429,
  too_many_streams: 429,
  too_many_waiting: 429,
  internal_error: 500,
  bad_gateway: 502,
  unavailable: 503,
  overloaded: 503,
} as const

export type ErrorCode = keyof typeof STATUSES

/** One fault of a request: the header, field or parameter, and the reason. */
export type Fault = { field: string; code: string; message: string }

/** A fault in API documents: of an error, or of a warning. */
export const FaultShown = Type.Object(
  {
    field: Type.String({ description: 'The header, parameter or body with the fault.' }),
    code: Type.String(),
    message: Type.String(),
  },
  { title: 'Fault' },
)

type Options = { details?: Fault[]; retryAfterSeconds?: number; cause?: unknown }

/** An error with a message that may reach the client. */
export class MillraceError extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly details: Fault[]
  readonly retryAfterSeconds: number | undefined

  constructor(code: ErrorCode, message: string, options: Options = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.code = code
    this.status = STATUSES[code]
    this.details = options.details ?? []
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** One fault of a field. */
export function fault(field: string, code: string, reason: string): Fault {
  return { field, code, message: `${field} ${reason}` }
}

/** `invalid_request` with these faults, all of them in its message. */
export function invalid(details: Fault[], cause?: unknown): MillraceError {
  const message = details.map((detail) => detail.message).join('; ')
  return new MillraceError('invalid_request', `${message}.`, { details, cause })
}
