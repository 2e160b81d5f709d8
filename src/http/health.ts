// GET /healthz: the process answers. GET /readyz: it can do its work. Each request checks the
// database in the same way as the work itself.

import { Type } from 'typebox'
import { takesNoWrites, waitedTooLong } from '../db/failure.ts'
import { clockProblem } from '../db/skew.ts'
import { MillraceError } from '../errors.ts'
import type { Route } from './route.ts'

const Health = Type.Object({ status: Type.Literal('ok') }, { title: 'Health' })

/**
 * `problem` returns what keeps the process from its work, as a sentence; undefined if nothing does.
 * It may reject with the database's error.
 */
export function healthRoutes(problem: () => Promise<string | undefined>): Route[] {
  // One check at a time, shared by all requests: they need no token.
  let asking: Promise<string | undefined> | undefined
  const ask = () => {
    asking ??= problem().finally(() => {
      asking = undefined
    })
    return asking
  }
  const common = {
    method: 'get',
    scope: 'public',
    family: 'configuration',
    tag: 'Service',
  } as const
  return [
    {
      ...common,
      path: '/healthz',
      operationId: 'getHealth',
      summary: 'Whether the process answers.',
      responses: { 200: { description: 'It does.', schema: Health } },
      handle(context) {
        context.body = { status: 'ok' }
      },
    },
    {
      ...common,
      path: '/readyz',
      operationId: 'getReadiness',
      summary: 'Whether a publish would succeed now.',
      responses: {
        200: { description: 'Ready.', schema: Health },
        503: { description: 'Not ready; the message has the reason.' },
      },
      async handle(context) {
        const found = await ask().catch((cause) => {
          throw new MillraceError('unavailable', reasonOf(cause), { retryAfterSeconds: 1, cause })
        })
        if (found) throw new MillraceError('unavailable', found, { retryAfterSeconds: 1 })
        context.body = { status: 'ok' }
      },
    },
  ]
}

function reasonOf(error: unknown): string {
  if (takesNoWrites(error)) return 'The database takes no writes.'
  if (waitedTooLong(error)) return 'A transaction in the database holds the log, or its tables.'
  return clockProblem(error)?.message ?? 'The database cannot be reached.'
}
