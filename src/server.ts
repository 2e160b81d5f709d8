// The wiring of `millrace serve`: routes to the app, the app to a port. No decisions here.

import type http from 'node:http'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAccess } from './access/access.ts'
import { systemClock } from './clock.ts'
import { appendCollected } from './collector/collect.ts'
import { collectorRoutes } from './collector/routes.ts'
import { type Config, limits } from './config.ts'
import { documentRoutes } from './console/routes.ts'
import { describeWebhooks } from './console/webhooks.ts'
import { schemaProblem } from './db/migrate.ts'
import { createPipe } from './db/pipe.ts'
import { openDatabase } from './db/pool.ts'
import { watchSkew } from './db/skew.ts'
import { createDestinations } from './delivery/destinations.ts'
import { createWaker } from './delivery/wake.ts'
import { gatewayRoutes } from './gateway/routes.ts'
import { historyRoutes } from './history/routes.ts'
import { createApp } from './http/app.ts'
import { healthRoutes } from './http/health.ts'
import { openApiRoute } from './http/openapi.ts'
import { createRateLimit } from './http/rate-limit.ts'
import type { Route } from './http/route.ts'
import { createServer } from './http/server.ts'
import { integrationRoutes } from './integration/routes.ts'
import { appendEvents } from './log/append.ts'
import { createPublisher } from './log/batch.ts'
import { createPacing } from './log/pacing.ts'
import { createPartitions, partitionsArePresent } from './log/partitions.ts'
import { eventTypeRoutes } from './log/routes.ts'
import type { Logger } from './logger.ts'
import { jobRoutes } from './notification/routes.ts'
import { askForJob } from './notification/run/wake.ts'
import { senderRoutes } from './notification/sender/routes.ts'
import { entitySchemas } from './notification/shop/entity.ts'
import { openPort } from './port.ts'
import { repeat } from './repeat.ts'
import { createSecretBox } from './sealing/secret.ts'
import { subscriptionRoutes } from './subscription/routes.ts'

const HOUR_MS = 3_600_000
/** How long kept-alive connections may send one more request after the stop began. */
const LINGER_MS = 1_000

export type Server = {
  url: string
  /** The served routes, for checks of the rules that hold for every route. */
  routes: Route[]
  stop(): Promise<void>
}

/**
 * Starts serving. `stop` answers the received requests, within limits.shutdownMs. Rejects if the
 * port is taken.
 */
export async function startServer(
  config: Config,
  options: {
    url: string
    adminToken: string
    secretKey: string
    logger: Logger
    /** Wakes what delivers in this process; waking the others takes the way over the database. */
    wakeHere?(tenant: string): void
    /**
     * Halts a consumer, named `tenant/id`, in this process. A wake-up in this process comes at
     * once: it would overtake a halt that takes the way over the database.
     */
    requestHaltHere?(consumer: string): void
  },
): Promise<Server> {
  const { logger } = options
  const durable = openDatabase(options.url, { durability: 'durable', max: 20, logger })
  const notifier = openDatabase(options.url, { durability: 'relaxed', max: 1, logger })
  const waker = createWaker(notifier.pool, logger)
  const requestHalt = (tenant: string, id: string) => {
    options.requestHaltHere?.(`${tenant}/${id}`)
    waker.requestHalt(tenant, id)
  }
  const appending = openDatabase(options.url, {
    durability: 'durable',
    max: 4,
    pipeline: true,
    logger,
  })
  const pacing = createPacing()
  const publisherThrough = (append: typeof appendEvents) => {
    const pipe = createPipe(appending.pool)
    return createPublisher({
      append: (events) => append(pipe, events),
      onAppended(tenants) {
        for (const tenant of tenants) {
          options.wakeHere?.(tenant)
          waker.wake(tenant)
        }
      },
      pacing,
    })
  }
  const secrets = createSecretBox(options.secretKey, config.MILLRACE_SECRET_KEY_PREVIOUS)
  const destinations = createDestinations(config, secrets)
  const services = { db: durable.kysely, clock: systemClock, ...options }
  const rateLimit = createRateLimit({
    publishRate: config.MILLRACE_PUBLISH_RATE,
    changesPerMinute: config.MILLRACE_CHANGES_PER_MINUTE,
  })
  const access = createAccess(config, { ...services, rateLimit })
  const onAsked = (tenant: string, jobId: string) =>
    askForJob(notifier.kysely, { tenant, jobId }).catch((error: Error) =>
      logger.warn({ reason: error.message }, 'job not woken'),
    )
  const configuring = {
    db: durable.kysely,
    clock: systemClock,
    secrets,
    onStarted: waker.wake,
    allowPrivateTargets: config.MILLRACE_ALLOW_PRIVATE_TARGETS,
    retentionDays: config.MILLRACE_RETENTION_DAYS,
  }
  let draining = false

  const routes = [
    ...gatewayRoutes(publisherThrough(appendEvents), config.MILLRACE_MAX_EVENT_BYTES),
    ...integrationRoutes({
      ...configuring,
      allowDefaultCredentials: config.MILLRACE_S3_DEFAULT_CREDENTIALS,
      requestHalt(tenant, id) {
        requestHalt(tenant, id)
        // If no turn is under way, one must finish the last file.
        waker.wake(tenant)
      },
    }),
    ...collectorRoutes({
      db: durable.kysely,
      publisher: publisherThrough(appendCollected),
      maxEventBytes: config.MILLRACE_MAX_EVENT_BYTES,
    }),
    ...subscriptionRoutes({
      ...configuring,
      allowDefaultCredentials: config.MILLRACE_QUEUE_DEFAULT_CREDENTIALS,
      requestHalt,
    }),
    ...historyRoutes({
      db: durable.kysely,
      clock: systemClock,
      retentionDays: config.MILLRACE_RETENTION_DAYS,
      destinationOf: destinations.of,
    }),
    ...jobRoutes({ db: durable.kysely, clock: systemClock, onAsked }),
    ...senderRoutes({
      db: durable.kysely,
      secrets,
      clock: systemClock,
      allowPrivateTargets: config.MILLRACE_ALLOW_PRIVATE_TARGETS,
      ownUrl: config.MILLRACE_SENDGRID_URL,
    }),
    ...access.routes,
    ...eventTypeRoutes({ db: durable.kysely }),
    ...documentRoutes(),
    ...healthRoutes(async () => {
      if (draining) return 'The service is stopping.'
      const problem = await schemaProblem(durable.pool)
      if (problem) return problem
      if (!(await partitionsArePresent(durable.pool))) return 'Today has no partition in the log.'
      // Publishes no event, on the publisher's own connection: it must be writable, and the lane
      // free.
      await appendEvents(appending.pool, [])
      return undefined
    }),
  ]
  const served = [...routes, openApiRoute(routes, { schemas: entitySchemas, describeWebhooks })]
  const app = createApp(served, {
    authenticate: access.authenticate,
    rateLimit,
    isDraining: () => draining,
    logger,
  })

  await createPartitions(durable.pool)
  const skew = watchSkew(durable.pool, logger)
  const partitions = repeat('partitions', HOUR_MS, logger, () => createPartitions(durable.pool))
  const server = createServer(app)
  const at = {
    port: config.PORT,
    host: config.HOST,
    // A connection that waits to be accepted must not lose its place to a burst of others.
    backlog: limits.connections.all,
  }
  const remedy = 'end the other process, or set PORT'
  const { address, family, port } = await openPort(server, at, remedy)

  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    routes: served,
    async stop() {
      draining = true
      await Promise.all([partitions.stop(), skew.stop(), close(server)])
      await waker.flushed()
      await Promise.all([durable, appending, notifier, destinations].map((each) => each.close()))
    },
  }
}

/**
 * Stops listening, and goes on answering on open connections; each answer asks to close.
 * http.Server.close would cut idle connections at once, even those with a request on its way.
 */
async function close(server: http.Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    net.Server.prototype.close.call(server, () => resolve())
  })
  await Promise.race([closed, sleep(LINGER_MS)])
  server.closeIdleConnections()
  const cut = setTimeout(() => server.closeAllConnections(), limits.shutdownMs - LINGER_MS)
  await closed
  clearTimeout(cut)
}
