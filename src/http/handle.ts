// The handling of each request with a known route, for koa (app.ts) and without it (direct.ts):
// identity, rate limits, the route itself, and its errors.

import { refuseUnknown } from '../input/query.ts'
import type { Logger } from '../logger.ts'
import { refuseAmbiguousHeaders, refuseFaultyQuery } from './ambiguity.ts'
import { identify } from './authorize.ts'
import { ownerOf } from './body.ts'
import type { Authenticate } from './identity.ts'
import { refuseUncheckedConditions } from './if-match.ts'
import { type Problem, problemOf } from './problem.ts'
import type { RateLimit } from './rate-limit.ts'
import type { Exchange, Family, RequestContext, Route } from './route.ts'
import { tarpit } from './tarpit.ts'

export type HandleOptions = { authenticate: Authenticate; rateLimit?: RateLimit }

/** Lets the route answer into `exchange`. Rejects with its error. */
export async function handle(
  route: Route,
  exchange: Exchange,
  { authenticate, rateLimit }: HandleOptions,
): Promise<void> {
  if (route.scope !== 'public') {
    refuseAmbiguousHeaders(exchange.req)
    refuseFaultyQuery(exchange.req)
    const { req, state } = exchange
    const caller = identify(req, route.scope, authenticate)
    state.identity = caller instanceof Promise ? await caller : caller
    // Gateways may add to the address of one publish: that changes nothing of it.
    if (!route.direct) {
      refuseUnknown(req.url ?? '', route.parameters)
      refuseUncheckedConditions(route, req.headers)
      state.identifyAgain = async () => {
        state.identity = await identify(req, route.scope, authenticate)
        return state.identity
      }
    }
  }
  if (route.limited) rateLimit?.request(exchange, route)
  if (route.direct) await route.handle(exchange)
  else await route.handle(exchange as unknown as RequestContext)
}

/** The answer to an exception, once it may be sent (tarpit.ts). */
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
