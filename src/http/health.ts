// GET /healthz: the process answers. GET /readyz: it can do its work.

import { Type } from 'typebox'
import { MillraceError } from '../errors.ts'
import type { Route } from './route.ts'

const Health = Type.Object({ status: Type.Literal('ok') })

/**
 * `problem` says in words what keeps the service from its work; undefined where nothing does. It
 * may reject.
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
      summary: 'Whether the database is reachable, its schema current, and partitions are there.',
      responses: {
        200: { description: 'Ready.', schema: Health },
        503: { description: 'Not ready; the message says why.' },
      },
      async handle(context) {
        const found = await problem().catch((error) => {
          throw new MillraceError('unavailable', 'The database cannot be reached.', {
            cause: error,
          })
        })
        if (found) throw new MillraceError('unavailable', found)
        context.body = { status: 'ok' }
      },
    },
  ]
}
