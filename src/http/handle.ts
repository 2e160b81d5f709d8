// What happens to each request whose route is found, whatever serves it (koa in app.ts, nothing in
// direct.ts): who calls, how often, what the route does, and what becomes of an error.

import type { Logger } from '../logger.ts'
import { refuseAmbiguousHeaders } from './ambiguity.ts'
import { identify } from './authorize.ts'
import { ownerOf } from './body.ts'
import type { Authenticate } from './identity.ts'
import { type Problem, problemOf } from './problem.ts'
import type { RateLimit } from './rate-limit.ts'
import type { Exchange, Family, RequestContext, Route } from './route.ts'
import { tarpit } from './tarpit.ts'

export type HandleOptions = { authenticate: Authenticate; rateLimit?: RateLimit }

/** Lets the route answer into `exchange`. Rejects with why it does not. */
export async function handle(
  route: Route,
  exchange: Exchange,
  { authenticate, rateLimit }: HandleOptions,
): Promise<void> {
  if (route.scope !== 'public') {
    refuseAmbiguousHeaders(exchange.req)
    const caller = identify(exchange.req, route.scope, authenticate)
    exchange.state.identity = caller instanceof Promise ? await caller : caller
  }
  if (route.limited) rateLimit?.request(exchange, route)
  if (route.direct) await route.handle(exchange)
  else await route.handle(exchange as unknown as RequestContext)
}

/** The answer to what was thrown, as soon as it may be given (tarpit.ts). */
export async function refusalOf(
  error: unknown,
  exchange: Exchange,
  { family, logger }: { family: Family; logger: Logger },
): Promise<Problem> {
  const { requestId } = exchange.state
  const problem = problemOf(error, { family, requestId, logger })
  const owner = ownerOf(exchange)
  if (problem.status < 500 && owner) await tarpit(owner, exchange.req.headers)
  return problem
}
