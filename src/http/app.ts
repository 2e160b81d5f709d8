// The HTTP application: routes become koa routers, one for each resource, since a router tries all
// its routes on every request. A single router for all caused a quarter of the garbage of
// publishing. Each request gets an id, an identity if its route needs one, and errors in the format
// of its family.

import { randomUUID } from 'node:crypto'
import type { RequestListener } from 'node:http'
import Router from '@koa/router'
import Koa from 'koa'
import { MillraceError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { refuseFaultyPath } from './ambiguity.ts'
import { createDirect } from './direct.ts'
import { type HandleOptions, handle, refusalOf } from './handle.ts'
import type { Exchange, Family, Route } from './route.ts'
import type { OnServed } from './served.ts'

/** The start of a resource's paths: "/events", "/api/v1/jobs". */
const RESOURCE = /^\/(?:api\/v1\/)?[^/]*/

/**
 * Builds the application. `isDraining` says whether connections are to be closed after their
 * answer; `onServed` is called for each request.
 */
export function createApp(
  routes: Route[],
  options: HandleOptions & { isDraining: () => boolean; onServed: OnServed; logger: Logger },
): RequestListener {
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
    const begun = performance.now()
    const { req, res, state } = context
    res.once('close', () => options.onServed({ req, res, state, route: state.route, begun }))
    if (options.isDraining()) context.set('connection', 'close')
    try {
      refuseFaultyPath(context.path)
      await next()
      if (context.body == null) refuseUnrouted(context.status)
    } catch (error) {
      const family: Family = context.state.route?.family ?? familyOf(context)
      const problemOptions = { family, logger: options.logger }
      const problem = await refusalOf(error, context as unknown as Exchange, problemOptions)
      context.status = problem.status
      context.set(problem.headers)
      context.body = problem.body
    }
    // Otherwise the process would wait for a client that has its answer, but has not sent
    // everything.
    if (!context.req.complete) context.set('connection', 'close')
  })
  app.use((context, next) => {
    const [serve, refuse] = resources.get(resourceOf(context.path)) ?? []
    return serve && refuse ? serve(context, () => refuse(context, next)) : next()
  })
  // Errors that koa itself reports: a socket that broke during the answer. Nothing is lost by it.
  app.on('error', (error: Error) =>
    options.logger.debug({ reason: error.message }, 'answer not sent'),
  )
  return createDirect(routes, options, app.callback())
}

function routerOf(routes: Route[], options: HandleOptions): Router {
  const router = new Router({ sensitive: true, strict: true })
  for (const route of routes) {
    router[route.method](route.path, async (context) => {
      context.state.route = route
      if (route.direct) context.type = 'application/json'
      await handle(route, context as unknown as Exchange, options)
    })
  }
  return router
}

function resourceOf(path: string): string {
  return RESOURCE.exec(path)?.[0] ?? ''
}

/**
 * No route answered: koa sets 404, or its router 405 or 501, with the path's methods in `allow`.
 */
function refuseUnrouted(status: number): void {
  if (status === 404) throw new MillraceError('not_found', 'There is no such path.')
  if (status === 405 || status === 501) {
    throw new MillraceError('method_not_allowed', 'The path does not support this method.')
  }
}

/** The family of a request without a route. The log is read in the form of the configuration. */
function familyOf({ method, path }: Koa.Context): Family {
  const isRead = method === 'GET' || method === 'HEAD'
  return resourceOf(path) === '/events' && !isRead ? 'gateway' : 'configuration'
}
