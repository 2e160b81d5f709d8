// The HTTP application: routes as values become koa routers, one for each resource: a router tries
// all its routes on every request, which for all of them was a quarter of what publishing left to
// the garbage collector. Each request gets an id, an identity where its route asks for one, and an
// error in the shape of its family.

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

/** What the paths of a resource begin with: "/events", "/api/v1/jobs". */
const RESOURCE = /^\/(?:api\/v1\/)?[^/]*/

/**
 * Builds the application. `isDraining` tells whether connections are to be closed after their
 * answer.
 */
export function createApp(
  routes: Route[],
  options: HandleOptions & { isDraining: () => boolean; logger: Logger },
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
    if (options.isDraining()) context.set('connection', 'close')
    try {
      refuseFaultyPath(context.path)
      await next()
      if (context.body == null) refuseUnrouted(context.status)
    } catch (error) {
      const told = { family: familyOf(context.path), logger: options.logger }
      const problem = await refusalOf(error, context as unknown as Exchange, told)
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
  return createDirect(routes, options, app.callback())
}

function routerOf(routes: Route[], options: HandleOptions): Router {
  const router = new Router({ sensitive: true, strict: true })
  for (const route of routes) {
    router[route.method](route.path, async (context) => {
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
 * No route answered: koa says 404, or its router 405 or 501 with the methods that the path has in
 * `allow`.
 */
function refuseUnrouted(status: number): void {
  if (status === 404) throw new MillraceError('not_found', 'There is no such path.')
  if (status === 405 || status === 501) {
    throw new MillraceError('method_not_allowed', 'The path does not support this method.')
  }
}

function familyOf(path: string): Family {
  return resourceOf(path) === '/events' ? 'gateway' : 'configuration'
}
