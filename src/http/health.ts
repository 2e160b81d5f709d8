// GET /healthz: the process answers. GET /readyz: it can do its work. That is asked of the database
// each time, as the work itself asks it.

import { Type } from 'typebox'
import { takesNoWrites } from '../db/failure.ts'
import { clockProblem } from '../db/skew.ts'
import { MillraceError } from '../errors.ts'
import type { Route } from './route.ts'

const Health = Type.Object({ status: Type.Literal('ok') })

/**
 * `problem` says in words what keeps the process from its work; undefined if nothing does. It may
 * reject with the database's error.
 */
export function healthRoutes(problem: () => Promise<string | undefined>): Route[] {
  const common = { method: 'get', scope: 'public', family: 'configuration' } as const
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
      summary: 'Whether the process can do its work: whether a publish would succeed now.',
      responses: {
        200: { description: 'Ready.', schema: Health },
        503: { description: 'Not ready; the message says why.' },
      },
      async handle(context) {
        const found = await problem().catch((cause) => {
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
  return clockProblem(error)?.message ?? 'The database cannot be reached.'
}
