// The hottest route without koa: koa and its router were a quarter of the cost of publishing. A
// request takes this way if its path is plain. All others (escapes, a query, another method) go to
// koa, which has the same routes.

import { randomUUID } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Logger } from '../logger.ts'
import { type HandleOptions, handle, refusalOf } from './handle.ts'
import type { Exchange, Route } from './route.ts'
import type { OnServed } from './served.ts'

/** A last segment without anything to decode or refuse. */
const PLAIN = /^[\w.~-]+$/
const PARAMETER = /^(\/.*\/):(\w+)$/

type Options = HandleOptions & {
  isDraining: () => boolean
  onServed: OnServed
  logger: Logger
}
type Direct = { route: Route; parameter: string }

/** Serves routes that are `direct`, and passes all other requests to `otherwise`. */
export function createDirect(
  routes: Route[],
  options: Options,
  otherwise: RequestListener,
): RequestListener {
  const direct = new Map<string, Direct>()
  for (const route of routes.filter((one) => one.direct)) {
    const [, before, parameter] = PARAMETER.exec(route.path) ?? []
    if (!before || !parameter) throw new TypeError(`${route.path} does not end in a parameter.`)
    direct.set(`${route.method.toUpperCase()} ${before}`, { route, parameter })
  }
  return (request, response) => {
    const { method, url = '' } = request
    const at = url.lastIndexOf('/') + 1
    const found = direct.get(`${method} ${url.slice(0, at)}`)
    const value = url.slice(at)
    if (!found || !PLAIN.test(value)) return otherwise(request, response)
    void serve(found.route, exchangeOf(request, response, { [found.parameter]: value }), options)
  }
}

/** The body of its answer is JSON text. */
type DirectExchange = Exchange & { body: string; headers: string[] }

function exchangeOf(
  req: IncomingMessage,
  res: ServerResponse,
  params: Record<string, string>,
): DirectExchange {
  const requestId = randomUUID()
  const headers = ['x-request-id', requestId]
  return {
    req,
    res,
    params,
    // The identity is not known yet, and no direct route is public.
    state: { requestId } as Exchange['state'],
    status: 200,
    body: '',
    headers,
    set(more) {
      for (const [name, value] of Object.entries(more)) headers.push(name, value)
    },
  }
}

/** Never rejects. */
async function serve(route: Route, exchange: DirectExchange, options: Options): Promise<void> {
  const begun = performance.now()
  try {
    await handle(route, exchange, options)
  } catch (error) {
    const { logger } = options
    const problem = await refusalOf(error, exchange, { family: route.family, logger })
    exchange.status = problem.status
    exchange.set(problem.headers)
    exchange.body = JSON.stringify(problem.body)
  }
  answer(exchange, options)
  options.onServed({ ...exchange, route, begun })
}

function answer({ req, res, status, headers, body }: DirectExchange, options: Options): void {
  if (res.destroyed) return // Its client has gone.
  const length = Buffer.byteLength(body)
  headers.push('content-type', 'application/json; charset=utf-8', 'content-length', `${length}`)
  // Otherwise the process would wait for a client that has its answer, but has not sent everything.
  if (options.isDraining() || !req.complete) headers.push('connection', 'close')
  res.writeHead(status, headers)
  // Head and body in one piece; as Latin-1, which is cheaper, if that is the same.
  res.end(body, length === body.length ? 'latin1' : 'utf8')
}
