// The only code that turns an error into an answer. A client sees the message of a MillraceError.
// For any other error it sees an internal error; the cause goes to the operator's log, with the
// client's request id.

import { Type } from 'typebox'
import { maySendAgain } from '../db/failure.ts'
import { clockProblem } from '../db/skew.ts'
import { type ErrorCode, type Fault, FaultShown, MillraceError, STATUSES } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Family } from './route.ts'

/** Errors of the event gateway: `details` names each fault. */
export const GatewayProblem = Type.Object(
  {
    status: Type.String({ description: 'The HTTP status code.' }),
    message: Type.String(),
    details: Type.Array(FaultShown),
  },
  {
    title: 'GatewayProblem',
  },
)

/** Errors of the configuration API. */
export const ConfigurationProblem = Type.Object(
  {
    error_code: Type.String({
      'x-extensible-enum': Object.keys(STATUSES),
      description: 'The fault, for programs. Later versions may add codes.',
    }),
    message: Type.String({ description: 'The reason; it names the field.' }),
    request_id: Type.String({ description: "The request's id, also in the x-request-id header." }),
    details: Type.Optional(
      Type.Array(FaultShown, { description: 'Each fault, if the request has some.' }),
    ),
  },
  {
    title: 'ConfigurationProblem',
  },
)

export type Problem = { status: number; headers: Record<string, string>; body: object }

/** The error of a status, as documents show it. */
export function exampleProblem(family: Family, status: number, message: string): object {
  const codes = Object.keys(STATUSES) as ErrorCode[]
  const code = codes.find((one) => STATUSES[one] === status) ?? 'invalid_request'
  return render(new MillraceError(code, message), family, '1a8a5052-8741-4daf-982e-e0a12990335a')
}

/** Turns an exception of a handler into an answer, and logs what no client may see. */
export function problemOf(
  error: unknown,
  options: { family: Family; requestId: string; logger: Logger },
): Problem {
  const known = reportedError(error, options)
  const headers: Record<string, string> = {}
  if (known.status === 401) headers['www-authenticate'] = 'Bearer realm="millrace"'
  if (known.retryAfterSeconds) headers['retry-after'] = String(known.retryAfterSeconds)
  return { status: known.status, headers, body: render(known, options.family, options.requestId) }
}

/** The error that a client may see for an exception; logs the rest. */
export function reportedError(
  error: unknown,
  options: { requestId: string; logger: Logger },
): MillraceError {
  const known = asMillraceError(error)
  // A target's refusal is not our failure, and a flood must not fill the log.
  if (known.code === 'bad_gateway') {
    options.logger.warn({ requestId: options.requestId, code: known.code }, known.message)
  } else if (known.status >= 500 && known.code !== 'overloaded') {
    const cause = (known.cause ?? error) as Error
    options.logger.error(
      { requestId: options.requestId, code: known.code, cause: cause?.stack ?? String(cause) },
      known.message,
    )
  }
  return known
}

function asMillraceError(error: unknown): MillraceError {
  const known = error instanceof MillraceError ? error : clockProblem(error)
  if (known) return known
  // Exceptions of koa and its router, such as for a malformed escape in a path.
  const { status, expose, message } = error as {
    status?: number
    expose?: boolean
    message?: string
  }
  if (expose && status && status < 500) {
    return new MillraceError('invalid_request', message ?? 'The request is invalid.')
  }
  if (error instanceof URIError) {
    return new MillraceError('invalid_request', 'The path has a malformed escape.')
  }
  if (maySendAgain(error)) {
    const message = 'The database does not answer in time; try again.'
    return new MillraceError('unavailable', message, { retryAfterSeconds: 1, cause: error })
  }
  return new MillraceError('internal_error', 'An internal error occurred.', { cause: error })
}

function render(error: MillraceError, family: Family, requestId: string): object {
  const { code, message, details } = error
  if (family === 'configuration') {
    const faults = details.length > 0 ? { details } : {}
    return { error_code: code, message, request_id: requestId, ...faults }
  }
  const whole: Fault = { field: 'request', code, message }
  return { status: String(error.status), message, details: details.length > 0 ? details : [whole] }
}
