// The port for monitoring: /healthz, /readyz and /metrics, without a token. By default it listens
// on loopback.

import type { Config } from './config.ts'
import { createApp } from './http/app.ts'
import { healthRoutes } from './http/health.ts'
import { metricsRoute } from './http/metrics.ts'
import { createOnServed } from './http/served.ts'
import { createServer } from './http/server.ts'
import type { Logger } from './logger.ts'
import { openPort } from './port.ts'

type Monitor = { stop(): Promise<void> }

/** A part of the service that is monitored. */
export type Monitored = {
  /** As in healthRoutes. */
  problem(): Promise<string | undefined>
  /** As in metricsRoute. */
  refresh(): Promise<void>
}

/**
 * Starts it, and logs its address. If the default port is taken (two workers on one machine), it
 * takes a free one; a configured port that is taken rejects.
 */
export async function startMonitor(
  config: Config,
  { problem, refresh }: Monitored,
  logger: Logger,
): Promise<Monitor> {
  const routes = [...healthRoutes(problem), metricsRoute({ isOpen: true, refresh })]
  const options = {
    authenticate: () => undefined,
    isDraining: () => false,
    onServed: createOnServed(routes),
    logger,
  }
  const server = createServer(createApp(routes, options))
  const { MILLRACE_MONITOR_HOST: host, MILLRACE_MONITOR_PORT: port } = config
  const remedy = 'end the other process, or set MILLRACE_MONITOR_PORT'
  const open = (at: number) => openPort(server, { host, port: at }, remedy)
  const address = await open(port ?? DEFAULT_PORT).catch((error: Error) => {
    const { code } = (error.cause ?? {}) as NodeJS.ErrnoException
    if (port !== undefined || code !== 'EADDRINUSE') throw error
    return open(0)
  })
  logger.info({ host: address.address, port: address.port }, 'serving health and metrics')
  return {
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const DEFAULT_PORT = 8081
