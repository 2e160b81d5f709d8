// GET /metrics: the metrics of the process, and those of all streams from the database, in the text
// format of Prometheus.

import { Type } from 'typebox'
import { metricsText } from '../metrics/metric.ts'
import '../metrics/process.ts'
import { EVERY_TENANT } from '../input/tenant.ts'
import { requireScope } from './authorize.ts'
import type { Route } from './route.ts'

const TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * `isOpen`: it needs no token, since its port is for the operator alone. It names tenants and
 * integrations, and nothing more of them. `refresh`: brings the figures of the database up to date;
 * it never rejects.
 */
export function metricsRoute(options: { isOpen: boolean; refresh: () => Promise<void> }): Route {
  return {
    method: 'get',
    path: '/metrics',
    scope: options.isOpen ? 'public' : 'admin',
    family: 'configuration',
    tag: 'Service',
    operationId: 'getMetrics',
    summary: 'The metrics of the process, for Prometheus.',
    description: 'It names tenants, so the token must be one for every tenant.',
    responses: {
      200: {
        description: 'The text format of Prometheus, version 0.0.4.',
        types: ['text/plain'],
        schema: Type.String({ title: 'Metrics', examples: ['millrace_workers 1\n'] }),
      },
      400: { description: 'Bad request; the message names the field.' },
      401: { description: 'The token is missing or unknown.' },
      403: { description: 'The token is not an admin token for every tenant.' },
    },
    async handle(context) {
      if (!options.isOpen) requireScope(context.state.identity, EVERY_TENANT, 'admin')
      await options.refresh()
      context.set('cache-control', 'no-store')
      context.set('content-type', TYPE)
      context.body = metricsText()
    },
  }
}
