// The HTTP application: routes as values become koa routers, one for each resource: a router tries
// all its routes on every request, which for all of them was a quarter of what publishing left to
// the garbage collector. Each request gets an id, an identity where its route asks for one, and an
// error in the shape of its family.

import { randomUUID } from 'node:crypto'
import Router from '@koa/router'
import Koa from 'koa'
import { MillraceError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { refuseAmbiguousHeaders, refuseFaultyPath } from './ambiguity.ts'
import { identify } from './authorize.ts'
import { ownerOf } from './body.ts'
import type { Authenticate } from './identity.ts'
import { problemOf } from './problem.ts'
import type { RateLimit } from './rate-limit.ts'
import type { Family, RequestContext, Route } from './route.ts'
import { tarpit } from './tarpit.ts'

/** What the paths of a resource begin with: "/events", "/api/v1/jobs". */
const RESOURCE = /^\/(?:api\/v1\/)?[^/]*/

/**
 * Builds the application. `isDraining` tells whether connections are to be closed after their
 * answer.
 */
export function createApp(
  routes: Route[],
  options: {
    authenticate: Authenticate
    rateLimit?: RateLimit
    isDraining: () => boolean
    logger: Logger
  },
): Koa {
  const app = new Koa()
  const resources = new Map<string, [serve: Koa.Middleware, refuse: Koa.Middleware]>()
  for (const [resource, itsRoutes] of Map.groupBy(routes, ({ path }) => resourceOf(path))) {
    const router = routerOf(itsRoutes, options)
    resources.set(resource, [
      router.routes() as Koa.Middleware,
      router.allowedMethods() as Koa.Middleware,
    ])
  }

  app.use(async (context, next) => {
    const requestId = randomUUID()
    context.state.requestId = requestId
    context.set('x-request-id', requestId)
    if (options.isDraining()) context.set('connection', 'close')
    try {
      refuseFaultyPath(context.path)
      await next()
      if (context.body == null) refuseUnrouted(context.status)
    } catch (error) {
      const family = familyOf(context.path)
      const problem = problemOf(error, { family, requestId, logger: options.logger })
      const owner = ownerOf(context as unknown as RequestContext)
      if (problem.status < 500 && owner) await tarpit(owner, context.req.headers)
      context.status = problem.status
      context.set(problem.headers)
      context.body = problem.body
    }
    // Whoever has not sent all of it, and has its answer, would be waited for.
    if (!context.req.complete) context.set('connection', 'close')
  })
  app.use((context, next) => {
    const [serve, refuse] = resources.get(resourceOf(context.path)) ?? []
    return serve && refuse ? serve(context, () => refuse(context, next)) : next()
  })
  // What koa itself reports: a socket that broke while it was answered. Nothing is lost by it.
  app.on('error', (error: Error) =>
    options.logger.debug({ reason: error.message }, 'answer not sent'),
  )
  return app
}

function routerOf(
  routes: Route[],
  { authenticate, rateLimit }: { authenticate: Authenticate; rateLimit?: RateLimit },
): Router {
  const router = new Router({ sensitive: true, strict: true })
  for (const route of routes) {
    router[route.method](route.path, async (context) => {
      if (route.scope !== 'public') {
        refuseAmbiguousHeaders(context.req)
        const caller = identify(context.req, route.scope, authenticate)
        context.state.identity = caller instanceof Promise ? await caller : caller
      }
      const known = context as unknown as RequestContext
      if (route.limited) rateLimit?.request(known, route)
      await route.handle(known)
    })
  }
  return router
}

function resourceOf(path: string): string {
  return RESOURCE.exec(path)?.[0] ?? ''
}

/**
 * No route answered: koa says 404, or its router 405 or 501 with the methods that the path has in
 * `allow`.
 */
function refuseUnrouted(status: number): void {
  if (status === 404) throw new MillraceError('not_found', 'There is no such path.')
  if (status === 405 || status === 501) {
    throw new MillraceError('method_not_allowed', 'The path does not have this method.')
  }
}

function familyOf(path: string): Family {
  return resourceOf(path) === '/events' ? 'gateway' : 'configuration'
}
