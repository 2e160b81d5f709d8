// The wiring of `millrace serve`: routes to the app, the app to a port. No decisions here.

import type http from 'node:http'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAccess } from './access/access.ts'
import { actionRoutes } from './action/routes.ts'
import { systemClock } from './clock.ts'
import { appendCollected } from './collector/collect.ts'
import { collectorRoutes } from './collector/routes.ts'
import { type Config, limits } from './config.ts'
import { consoleRoutes } from './console/routes.ts'
import { describeWebhooks } from './console/webhooks.ts'
import { schemaProblem } from './db/migrate.ts'
import { createPipe } from './db/pipe.ts'
import { openDatabase } from './db/pool.ts'
import { watchSkew } from './db/skew.ts'
import { createDestinations } from './delivery/destinations.ts'
import { createWaker } from './delivery/wake.ts'
import { createTypeCache } from './event-type/cache.ts'
import { createCheckedPublisher, findKnown } from './event-type/check.ts'
import { createTypeLoader } from './event-type/load.ts'
import { eventTypeRoutes } from './event-type/routes.ts'
import { bulkRoute, gatewayRoutes } from './gateway/routes.ts'
import { configurationRoutes } from './history/configuration/routes.ts'
import { deliveryRoutes } from './history/deliveries/routes.ts'
import { minutesRoutes } from './history/minutes/routes.ts'
import { rejectedRoutes } from './history/rejected/routes.ts'
import { historyRoutes } from './history/routes.ts'
import { createApp } from './http/app.ts'
import { healthRoutes } from './http/health.ts'
import { metricsRoute } from './http/metrics.ts'
import { openApiRoute } from './http/openapi.ts'
import { createRateLimit } from './http/rate-limit.ts'
import type { Route } from './http/route.ts'
import { createOnServed } from './http/served.ts'
import { createServer } from './http/server.ts'
import { previewRoutes } from './integration/preview/routes.ts'
import { integrationRoutes } from './integration/routes.ts'
import { appendEvents } from './log/append.ts'
import { createPublisher } from './log/batch.ts'
import type { NewEvent } from './log/event.ts'
import { createHub } from './log/hub.ts'
import { createPacing } from './log/pacing.ts'
import { createPartitions, partitionsArePresent } from './log/partitions.ts'
import { searchRoutes } from './log/search/routes.ts'
import { streamRoutes } from './log/stream/routes.ts'
import { createStreams } from './log/stream/streams.ts'
import { tracedAppend, tracedPublisher } from './log/traced.ts'
import type { Logger } from './logger.ts'
import { createFigures } from './maintenance/figures.ts'
import { jobRoutes } from './notification/routes.ts'
import { askForJob } from './notification/run/wake.ts'
import { createMailers } from './notification/sender/mailers.ts'
import { senderRoutes } from './notification/sender/routes.ts'
import { entitySchemas } from './notification/shop/entity.ts'
import { trialRoutes } from './notification/trial/routes.ts'
import { openPort } from './port.ts'
import { repeat } from './repeat.ts'
import { replayRoutes } from './replay/routes.ts'
import { createSecretBox } from './sealing/secret.ts'
import { subscriptionRoutes } from './subscription/routes.ts'
import type { Tracer } from './tracer.ts'

const HOUR_MS = 3_600_000
/** How long kept-alive connections may send one more request after the stop began. */
const LINGER_MS = 1_000

export type Server = {
  url: string
  signInCode: string | undefined
  /** The served routes, for checks of the rules that hold for every route. */
  routes: Route[]
  /** The obstacle to a publish, as a sentence. May reject: http/health.ts. */
  problem(): Promise<string | undefined>
  /** Brings the metrics up to date that the database knows. Never rejects. */
  refresh(): Promise<void>
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
    tracer?: Tracer | undefined
    /** Whether to make a code for one sign-in to the console. */
    offersSignIn?: boolean
    /** Wakes what delivers in this process; waking the others takes the way over the database. */
    wakeHere?(tenant: string): void
    /**
     * Halts a consumer, named `tenant/id`, in this process. A wake-up in this process comes at
     * once: it would overtake a halt that takes the way over the database.
     */
    requestHaltHere?(consumer: string): void
  },
): Promise<Server> {
  const { logger, tracer } = options
  const durable = openDatabase(options.url, {
    durability: 'durable',
    max: 20,
    name: 'requests',
    logger,
  })
  const notifier = openDatabase(options.url, {
    durability: 'relaxed',
    max: 1,
    name: 'wake-ups',
    logger,
  })
  const waker = createWaker(notifier.pool, logger)
  const requestHalt = (tenant: string, id: string) => {
    options.requestHaltHere?.(`${tenant}/${id}`)
    waker.requestHalt(tenant, id)
  }
  const appending = openDatabase(options.url, {
    durability: 'durable',
    max: 4,
    pipeline: true,
    name: 'appends',
    logger,
  })
  const reading = openDatabase(options.url, {
    durability: 'relaxed',
    max: 8,
    name: 'reads',
    logger,
  })
  const sweepMs = config.MILLRACE_SWEEP_MS
  const hub = createHub({ url: options.url, database: reading, sweepMs, logger })
  const pacing = createPacing()
  const publisherThrough = (append: typeof appendEvents) => {
    const pipe = createPipe(appending.pool)
    const appendHere = (events: NewEvent[]) => append(pipe, events)
    return createPublisher({
      append: tracer ? tracedAppend(appendHere, tracer) : appendHere,
      onAppended(tenants) {
        for (const tenant of tenants) {
          hub.moved(tenant)
          options.wakeHere?.(tenant)
          waker.wake(tenant)
        }
      },
      pacing,
    })
  }
  const types = createTypeCache(createTypeLoader(durable.kysely))
  /** `keyName`: under which name idempotency keys are unique; default: the event's own. */
  const checkedPublisher = (append: typeof appendEvents, keyName?: string) => {
    const checked = createCheckedPublisher(publisherThrough(append), {
      types,
      findKnown: (event) => findKnown(durable.kysely, event, keyName ?? event.name),
    })
    return tracer ? tracedPublisher(checked, tracer) : checked
  }
  const secrets = createSecretBox(options.secretKey, config.MILLRACE_SECRET_KEY_PREVIOUS)
  const destinations = createDestinations(config, secrets)
  const mailers = createMailers(config, { db: durable.kysely, secrets })
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
    reading: reading.kysely,
    clock: systemClock,
    secrets,
    onStarted: waker.wake,
    allowPrivateTargets: config.MILLRACE_ALLOW_PRIVATE_TARGETS,
    retentionDays: config.MILLRACE_RETENTION_DAYS,
  }
  const streams = createStreams(logger)
  let draining = false
  const stop = new AbortController()
  const publisher = checkedPublisher(appendEvents)
  const maxEventBytes = config.MILLRACE_MAX_EVENT_BYTES
  const { signal: stopping } = stop

  const problem = async () => {
    if (draining) return 'The service is stopping.'
    const outdated = await schemaProblem(durable.pool)
    if (outdated) return outdated
    if (!(await partitionsArePresent(durable.pool))) return 'Today has no partition in the log.'
    // Publishes no event, on the publisher's own connection: it must be writable, and the lane
    // free.
    await appendEvents(appending.pool, [])
    return undefined
  }
  const refresh = createFigures(durable.pool, { ...configuring, logger })
  const routes = [
    ...gatewayRoutes(publisher, maxEventBytes),
    bulkRoute({ publisher, maxEventBytes, rateLimit, stopping, logger }),
    ...integrationRoutes({
      ...configuring,
      allowDefaultCredentials: config.MILLRACE_S3_DEFAULT_CREDENTIALS,
      requestHalt(tenant, id) {
        requestHalt(tenant, id)
        // If no turn is under way, one must finish the last file.
        waker.wake(tenant)
      },
    }),
    ...previewRoutes({ ...configuring, reading }),
    ...collectorRoutes({
      db: durable.kysely,
      publisher: checkedPublisher(appendCollected, 'collected'),
      maxEventBytes,
    }),
    ...subscriptionRoutes({
      ...configuring,
      allowDefaultCredentials: config.MILLRACE_QUEUE_DEFAULT_CREDENTIALS,
      requestHalt,
    }),
    ...historyRoutes(configuring),
    ...rejectedRoutes({ ...configuring, destinations }),
    ...deliveryRoutes({ ...configuring, reading }),
    ...minutesRoutes(configuring),
    ...configurationRoutes({ reading, secrets }),
    ...actionRoutes({
      ...configuring,
      destinations,
      deliveryTimeoutMs: config.MILLRACE_DELIVERY_TIMEOUT_MS,
      onSkipped: waker.wake,
    }),
    ...replayRoutes({ ...configuring, requestHalt }),
    ...jobRoutes({ ...configuring, mailerOf: mailers.of, onAsked }),
    ...trialRoutes({ ...configuring, reading, mailerOf: mailers.of }),
    ...senderRoutes({ ...configuring, mailers }),
    ...access.routes,
    ...streamRoutes({ database: reading, hub, streams, logger }),
    ...searchRoutes({ database: reading, hub, stopping }),
    ...eventTypeRoutes({ db: durable.kysely, types }),
    ...consoleRoutes({ offersOpenId: config.MILLRACE_OIDC_ISSUER !== undefined }),
    ...healthRoutes(problem),
    metricsRoute({ isOpen: false, refresh }),
  ]
  const served = [...routes, openApiRoute(routes, { schemas: entitySchemas, describeWebhooks })]
  const app = createApp(served, {
    authenticate: access.authenticate,
    rateLimit,
    isDraining: () => draining,
    onServed: createOnServed(served, config.MILLRACE_ACCESS_LOG ? logger : undefined),
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
    signInCode: access.signInCode,
    routes: served,
    problem,
    refresh,
    async stop() {
      draining = true
      stop.abort()
      await Promise.all([streams.stop(), partitions.stop(), skew.stop(), close(server)])
      await Promise.all([hub.close(), waker.flushed()])
      const open = [durable, appending, notifier, reading, destinations, mailers]
      await Promise.all(open.map((each) => each.close()))
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
