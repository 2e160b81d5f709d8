// Runs the service: the database, then its parts, until a signal. The parts are loaded while the
// embedded Postgres starts.

import { flushCompileCache } from 'node:module'
import { welcome } from './cli/welcome.ts'
import { type Config, limits } from './config.ts'
import { startEmbeddedPostgres } from './db/embedded.ts'
import { isBug } from './db/failure.ts'
import { createLogger, type Logger } from './logger.ts'
import type { Monitored } from './monitor.ts'
import { openTracer } from './opentelemetry.ts'
import { refuseWrongKey } from './sealing/key-check.ts'
import { createSecretBox } from './sealing/secret.ts'
import { secretFromFile } from './sealing/secret-file.ts'
import type { Tracer } from './tracer.ts'

type Surroundings = {
  config: Config
  logger: Logger
  url: string
  adminToken: string
  secretKey: string
  tracer: Tracer | undefined
  offersSignIn: boolean
  /** Wakes what works in this process, without the way through the database. */
  wakeHere(tenant: string): void
  /** Halts a consumer, named `tenant/id`, likewise. */
  requestHaltHere(consumer: string): void
}
type Part = {
  url?: string
  signInCode?: string | undefined
  /** New events of a tenant may be there. */
  wake?(tenant: string): void
  /** A consumer, named `tenant/id`, was stopped or changed. */
  requestHalt?(consumer: string): void
  stop(): Promise<void>
}
type Start = (surroundings: Surroundings) => Promise<Part>

/** The parts of the service. Each function loads one, and resolves with what starts it. */
const loads = {
  async serve(): Promise<Start> {
    const { startServer } = await import('./server.ts')
    return async (surroundings) => {
      const { config } = surroundings
      const server = await startServer(config, surroundings)
      return config.MILLRACE_MONITOR_PORT === undefined ? server : monitored(server, surroundings)
    }
  },
  async work(): Promise<Start> {
    const { startWorker } = await import('./worker.ts')
    return ({ config, ...options }) => startWorker(config, options)
  },
  /** A server beside it has its health and metrics. */
  async workAlone(): Promise<Start> {
    const { startWorker } = await import('./worker.ts')
    return async (surroundings) =>
      monitored(await startWorker(surroundings.config, surroundings), surroundings)
  },
}

/** A part with a port for its monitoring. */
async function monitored(part: Part & Monitored, { config, logger }: Surroundings): Promise<Part> {
  const { startMonitor } = await import('./monitor.ts')
  const monitor = await startMonitor(config, part, logger)
  return {
    ...part,
    async stop() {
      await part.stop()
      await monitor.stop()
    },
  }
}

/**
 * Prepares the database, starts the parts, and stops them all at SIGTERM or SIGINT. Without parts
 * it migrates, and ends.
 */
export async function run(
  config: Config,
  names: (keyof typeof loads)[],
  options: { withWelcome?: boolean; onDead: (error: Error) => void },
): Promise<void> {
  const logger = createLogger(config.MILLRACE_LOG_LEVEL, config.MILLRACE_LOG_FORMAT)
  // Before the first start, so that a signal during the start also ends everything in order.
  const signal = names.length > 0 ? nextSignal(logger) : undefined
  surviveSurroundings(logger)

  let loading: Promise<Start[]> | undefined
  const load = () => {
    loading ??= Promise.all(names.map((name) => loads[name]()))
    return loading
  }
  const embedded = config.DATABASE_URL
    ? undefined
    : await startEmbeddedPostgres(config.MILLRACE_DATA_DIR, {
        onDead: options.onDead,
        onStarting: load,
      })
  const parts: Part[] = []
  const tracer = await openTracer(config, logger)
  try {
    const starts = await load()
    const { migrate, prepareSchema } = await import('./db/migrate.ts')
    const url = config.DATABASE_URL ?? (embedded?.url as string)
    await (names.length > 0 ? prepareSchema : migrate)(url, logger)
    if (names.length > 0) {
      const wakeHere = (tenant: string) => {
        for (const part of parts) part.wake?.(tenant)
      }
      const requestHaltHere = (consumer: string) => {
        for (const part of parts) part.requestHalt?.(consumer)
      }
      const keys = await keysOf(config, url)
      // Only a person reads a terminal: a link in a file of logs would lie there.
      const offersSignIn = process.stdout.isTTY === true
      const own = { config, logger, url, tracer, wakeHere, requestHaltHere, offersSignIn }
      const surroundings = { ...own, ...keys }
      const started = await Promise.allSettled(
        starts.map(async (start) => {
          parts.push(await start(surroundings))
        }),
      )
      // Each has ended its start, so that all that started can be stopped.
      for (const part of started) if (part.status === 'rejected') throw part.reason
      announce(config, parts, options.withWelcome ?? false)
    } else console.log('The schema is up to date.')
    // A killed process would not write it. Takes 55 ms after an upgrade, otherwise 1 ms.
    flushCompileCache()
    await signal
  } finally {
    // A part that cannot end in time (the database does not answer) is cut off: that loses nothing.
    setTimeout(() => process.exit(1), limits.exitMs).unref()
    await Promise.all(parts.map((part) => part.stop()))
    await Promise.all([embedded?.stop(), tracer?.close()])
  }
  // A connection that is still being opened must not keep the process alive.
  process.exit(0)
}

/** The admin token and the secret key. Throws if the key is not the database's. */
async function keysOf(config: Config, url: string) {
  const dataDir = config.MILLRACE_DATA_DIR
  const adminToken = config.MILLRACE_ADMIN_TOKEN ?? secretFromFile(dataDir, 'admin-token')
  const secretKey = config.MILLRACE_SECRET_KEY ?? secretFromFile(dataDir, 'secret-key')
  const secrets = createSecretBox(secretKey, config.MILLRACE_SECRET_KEY_PREVIOUS)
  await refuseWrongKey(url, secrets)
  return { adminToken, secretKey }
}

function announce(config: Config, parts: Part[], withWelcome: boolean): void {
  const serving = parts.find((part) => part.url)
  console.log(serving ? `millrace ready ${serving.url}` : 'millrace working')
  if (serving?.signInCode) {
    console.log(
      `console, once and within 10 minutes: ${serving.url}/console#code=${serving.signInCode}`,
    )
  }
  const url = serving?.url
  // For a first look: make run allows private targets.
  if (!withWelcome || !url || !config.MILLRACE_ALLOW_PRIVATE_TARGETS) return
  console.log(welcome({ url, dataDir: config.MILLRACE_DATA_DIR, here: process.cwd() }))
}

/**
 * A promise that nobody awaits may reject: graphile-worker completes jobs that way, and sockets
 * break at any time. A fault of a database, a peer or a socket fails its statement or job, never
 * the process; the sweep repairs a job that was not completed. A bug ends the process.
 */
function surviveSurroundings(logger: Logger): void {
  process.on('uncaughtException', (error, origin) => {
    if (isBug(error)) {
      logger.fatal({ origin, cause: error?.stack ?? String(error) }, 'a bug ends this process')
      process.exit(1)
    }
    logger.warn({ origin, reason: error.message }, 'something that nobody waited for failed')
  })
}

/**
 * Resolves at the first signal. A second one ends the process at once, unless it comes within a
 * second: a terminal, make and npm may all pass on the same signal.
 */
function nextSignal(logger: Logger): Promise<void> {
  return new Promise((resolve) => {
    let askedAt: number | undefined
    const handle = (signal: NodeJS.Signals) => {
      if (askedAt !== undefined && performance.now() - askedAt > 1_000) process.exit(1)
      askedAt ??= performance.now()
      logger.info({ signal }, 'stopping')
      resolve()
    }
    process.on('SIGTERM', handle)
    process.on('SIGINT', handle)
  })
}
