// The table of commands, help, exit codes. 0: done, or stopped by a signal; 1: failed, with the
// reason on standard error; 2: the command line or the configuration is wrong.

import { flushCompileCache } from 'node:module'
import path from 'node:path'
import { UsageError } from './cli/client.ts'
import { keys } from './cli/keys.ts'
import { listen } from './cli/listen.ts'
import { readRebuild, rebuild as rebuildShop } from './cli/rebuild.ts'
import { rebuildConfig } from './cli/rebuild-config.ts'
import { rotateSecrets } from './cli/rotate-secrets.ts'
import { listScripts, readCall, runCall } from './cli/sql.ts'
import { welcome } from './cli/welcome.ts'
import { type Config, limits, readConfig } from './config.ts'
import { startEmbeddedPostgres } from './db/embedded.ts'
import { isBug } from './db/failure.ts'
import { migrate, prepareSchema } from './db/migrate.ts'
import { createLogger, type Logger } from './logger.ts'
import { startMonitor } from './monitor.ts'
import { refuseWrongKey } from './sealing/key-check.ts'
import { createSecretBox } from './sealing/secret.ts'
import { secretFromFile } from './sealing/secret-file.ts'
import { startServer } from './server.ts'
import { version } from './version.ts'
import { startWorker } from './worker.ts'

const HELP = `millrace <command>

  start            serve and work in one process
  serve            answer HTTP
  work             deliver
  migrate          bring the schema up to date, and end
  keys …           create, list and revoke API keys of a running service
  sql [script] …   run a script for audits, replays or operations; without one, list them
  rotate-secrets   reseal stored secrets with the current secret key
  rebuild config   compare the configuration with its log (--apply: restore it)
  rebuild shop …   compare a tenant's shop with its log (--apply: restore it)
  listen [port]    print what arrives on 127.0.0.1 (9099)
  help             print this text
  --version        print the version of this program

Settings come from the environment: docs/operate.md, "Settings".`

type Part = {
  url?: string
  /** New events of a tenant may be there. */
  wake?(tenant: string): void
  stop(): Promise<void>
}
type Surroundings = {
  config: Config
  logger: Logger
  url: string
  adminToken: string
  secretKey: string
  /** Wakes what works in this process, without the way through the database. */
  wakeHere(tenant: string): void
}

const commands: Record<string, (args: string[]) => Promise<void>> = {
  start: () => run([work, serve], { withWelcome: true }),
  serve: () => run([serve]),
  work: () => run([workAlone]),
  migrate: () => run([]),
  keys: (args) =>
    keys(args, readConfigOrFail(), { print: console.log, note: (line) => console.error(line) }),
  sql,
  'rotate-secrets': rotate,
  rebuild,
  async listen([port = '9099']) {
    if (!/^\d{1,5}$/.test(port)) fail(2, `${port} is not a port.\n\n${HELP}`)
    // Its only purpose is what it prints.
    process.stdout.once('error', () => process.exit(0))
    const url = await listen(Number(port), (line) => console.log(line))
    console.log(`listening on ${url}, Ctrl-C to end`)
  },
  async help() {
    console.log(HELP)
  },
  async version() {
    console.log(version)
  },
}

// The reader of the output may leave (| head): the command still completes, silently.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

const [name = 'help', ...args] = process.argv.slice(2)
const command = commands[name.replace(/^(--help|-h)$/, 'help').replace(/^--version$/, 'version')]
if (!command) fail(2, `There is no command ${name}.\n\n${HELP}`)
await command(args).catch((error: Error) =>
  fail(error instanceof UsageError ? 2 : 1, error.message),
)

/**
 * Prepares the database, starts the parts one after the other, and stops them all at SIGTERM or
 * SIGINT.
 */
async function run(
  start: ((surroundings: Surroundings) => Promise<Part>)[],
  { withWelcome } = { withWelcome: false },
): Promise<void> {
  const config = readConfigOrFail()
  const logger = createLogger(config.MILLRACE_LOG_LEVEL)
  const dataDir = config.MILLRACE_DATA_DIR
  // Before the first start, so that a signal during the start also ends everything in order.
  const signal = start.length > 0 ? nextSignal(logger) : undefined
  surviveSurroundings(logger)

  const embedded = config.DATABASE_URL
    ? undefined
    : await startEmbeddedPostgres(dataDir, { onDead: ({ message }) => fail(1, message) })
  const parts: Part[] = []
  try {
    const url = config.DATABASE_URL ?? (embedded?.url as string)
    await (start.length > 0 ? prepareSchema : migrate)(url, logger)
    if (start.length > 0) {
      const adminToken = config.MILLRACE_ADMIN_TOKEN ?? secretFromFile(dataDir, 'admin-token')
      const secretKey = config.MILLRACE_SECRET_KEY ?? secretFromFile(dataDir, 'secret-key')
      const secrets = createSecretBox(secretKey, config.MILLRACE_SECRET_KEY_PREVIOUS)
      await refuseWrongKey(url, secrets)
      const wakeHere = (tenant: string) => {
        for (const part of parts) part.wake?.(tenant)
      }
      const surroundings = { config, logger, url, adminToken, secretKey, wakeHere }
      for (const startPart of start) parts.push(await startPart(surroundings))
    }
    // A killed process would not write it. Takes 55 ms after an upgrade, otherwise 1 ms.
    flushCompileCache()
    const serving = parts.find((part) => part.url)
    if (serving) console.log(`millrace ready ${serving.url}`)
    else if (parts.length > 0) console.log('millrace working')
    // The commands of the welcome call a receiver on this machine.
    const isWelcome = withWelcome && config.MILLRACE_ALLOW_PRIVATE_TARGETS
    if (isWelcome) console.log(welcomeOf(config, serving?.url as string))
    await signal
  } finally {
    // A part that cannot end in time (the database does not answer) is cut off: that loses nothing.
    setTimeout(() => process.exit(1), limits.exitMs).unref()
    await Promise.all(parts.map((part) => part.stop()))
    await embedded?.stop()
  }
  // A connection that is still being opened must not keep the process alive.
  process.exit(0)
}

/** Runs a script on DATABASE_URL, or on the embedded Postgres, which it starts if needed. */
async function sql(args: string[]): Promise<void> {
  if (args.length === 0) return console.log(listScripts())
  const call = readCall(args)
  await onDatabase((url) => runCall(url, call, (line) => console.log(line)))
}

async function rebuild(args: string[]): Promise<void> {
  const call = readRebuild(args)
  const print = (line: string) => console.log(line)
  await onDatabase((url) =>
    call.what === 'shop' ? rebuildShop(url, call, print) : rebuildConfig(url, call, print),
  )
}

async function rotate(): Promise<void> {
  const {
    MILLRACE_SECRET_KEY,
    MILLRACE_SECRET_KEY_PREVIOUS: previous,
    ...config
  } = readConfigOrFail()
  const current = MILLRACE_SECRET_KEY ?? secretFromFile(config.MILLRACE_DATA_DIR, 'secret-key')
  await onDatabase((url) => rotateSecrets(url, { current, previous }, (line) => console.log(line)))
}

/** Runs an action on the database; sets exit status 1 if it returns false. */
async function onDatabase(act: (url: string) => Promise<boolean>): Promise<void> {
  const config = readConfigOrFail()
  const embedded = config.DATABASE_URL
    ? undefined
    : await startEmbeddedPostgres(config.MILLRACE_DATA_DIR)
  try {
    if (!(await act(config.DATABASE_URL ?? (embedded?.url as string)))) process.exitCode = 1
  } finally {
    await embedded?.stop()
  }
}

function work({ config, ...options }: Surroundings): Promise<Part> {
  return startWorker(config, options)
}

/** Beside a server no separate health port is needed. */
async function workAlone(surroundings: Surroundings): Promise<Part> {
  const { config, logger } = surroundings
  const worker = await startWorker(config, surroundings)
  const monitor = await startMonitor(config, worker.problem, logger)
  return {
    async stop() {
      await worker.stop()
      await monitor.stop()
    },
  }
}

function serve({ config, ...options }: Surroundings): Promise<Part> {
  return startServer(config, options)
}

function welcomeOf(config: Config, url: string): string {
  const here = process.cwd()
  const file = path.relative(here, path.join(config.MILLRACE_DATA_DIR, 'admin-token'))
  const adminToken = config.MILLRACE_ADMIN_TOKEN ? '$MILLRACE_ADMIN_TOKEN' : `$(cat ${file})`
  return welcome({ url, adminToken, here })
}

function readConfigOrFail(): Config {
  try {
    return readConfig()
  } catch (error) {
    return fail(2, (error as Error).message)
  }
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

function fail(code: number, message: string): never {
  console.error(message)
  process.exit(code)
}
