// Counts requests, and writes the access log if the operator asks for one. A line has no query,
// header or body, so that it has no secret. Publishes are too many for a line each.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '../logger.ts'
import { counter } from '../metrics/metric.ts'
import type { Identity } from './identity.ts'
import type { Route } from './route.ts'

/** Of this many publishes one has a line, which says so. */
const SAMPLED = 100

const requests = counter(
  'millrace_http_requests_total',
  'Requests by operation and status; none: the client left before its answer.',
  { operation: [], status: [] },
)

type Served = {
  req: IncomingMessage
  res: ServerResponse
  state: { requestId: string; identity?: Identity }
  /** Undefined if no route has the path. */
  route: Route | undefined
  /** When the request began, as performance.now(). */
  begun: number
}

/** Is called once for each request, when its answer is complete or its client has left. */
export type OnServed = (served: Served) => void

/** Counts requests. `logger`: of the access log; without it nothing is logged. */
export function createOnServed(routes: Route[], logger?: Logger): OnServed {
  let publishes = 0
  // Prometheus does not see the first of a series that was not there: alerts need these.
  for (const { operationId, limited } of routes) {
    if (limited !== 'publishing') continue
    for (const status of ['500', '503']) requests.add(0, operationId, status)
  }

  return (served) => {
    const { res, route } = served
    const status = res.headersSent ? String(res.statusCode) : 'none'
    requests.add(1, route?.operationId ?? 'none', status)
    if (!logger) return
    if (route?.limited !== 'publishing') logger.info(lineOf(served, status), 'served')
    else if (publishes++ % SAMPLED === 0) {
      logger.info({ ...lineOf(served, status), oneIn: SAMPLED }, 'served')
    }
  }
}

function lineOf({ req, state, route, begun }: Served, status: string): object {
  const { requestId, identity } = state
  return {
    requestId,
    method: req.method,
    path: req.url?.replace(/\?.*/s, ''),
    operation: route?.operationId,
    status: Number(status) || status,
    ms: Math.round((performance.now() - begun) * 10) / 10,
    actor: identity?.actor,
    peer: req.socket.remoteAddress,
  }
}
