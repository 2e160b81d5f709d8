// The health port of `millrace work`: /healthz and /readyz. By default it listens on loopback.

import type { Config } from './config.ts'
import { createApp } from './http/app.ts'
import { healthRoutes } from './http/health.ts'
import { createServer } from './http/server.ts'
import type { Logger } from './logger.ts'
import { openPort } from './port.ts'

type Monitor = { stop(): Promise<void> }

/**
 * Starts it, and logs its address. `problem` as in healthRoutes. If the default port is taken (two
 * workers on one machine), it takes a free one; a configured port that is taken rejects.
 */
export async function startMonitor(
  config: Config,
  problem: () => Promise<string | undefined>,
  logger: Logger,
): Promise<Monitor> {
  const options = { authenticate: () => undefined, isDraining: () => false, logger }
  const server = createServer(createApp(healthRoutes(problem), options))
  const { MILLRACE_MONITOR_HOST: host, MILLRACE_MONITOR_PORT: port } = config
  const remedy = 'end the other process, or set MILLRACE_MONITOR_PORT'
  const open = (at: number) => openPort(server, { host, port: at }, remedy)
  const address = await open(port ?? DEFAULT_PORT).catch((error: Error) => {
    const { code } = (error.cause ?? {}) as NodeJS.ErrnoException
    if (port !== undefined || code !== 'EADDRINUSE') throw error
    return open(0)
  })
  logger.info({ host: address.address, port: address.port }, 'serving health')
  return {
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const DEFAULT_PORT = 8081
