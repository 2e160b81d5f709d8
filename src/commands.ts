// The table of commands, help, exit codes. 0: done, or stopped by a signal; 1: it failed, and said
// why on standard error; 2: the command line or the configuration is wrong.

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
import { keptSecret } from './sealing/kept-secret.ts'
import { refuseWrongKey } from './sealing/key-check.ts'
import { createSecretBox } from './sealing/secret.ts'
import { startServer } from './server.ts'
import { version } from './version.ts'
import { startWorker } from './worker.ts'

const HELP = `millrace <command>

  start            serve and work in one process
  serve            answer HTTP
  work             deliver
  migrate          bring the schema up to date, and end
  keys …           create, list and revoke API keys of a running service
  sql [script] …   audits, replays and operations; without a script, the list of them
  rotate-secrets   seal what is stored with the current secret key, instead of the one before
  rebuild config   the configuration from its log, and compares it (--apply: puts it in place)
  rebuild shop …   what a tenant's notifications are made from, likewise
  listen [port]    a receiver on 127.0.0.1 that prints what arrives (9099)
  help             this
  --version        the version of this program

Settings come from the environment: docs/operate.md, "Settings".`

type Part = { url?: string; stop(): Promise<void> }
type Surroundings = {
  config: Config
  logger: Logger
  url: string
  adminToken: string
  secretKey: string
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
    // What it prints is all that it is for.
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

// Whoever reads what a command prints may leave (| head): what it does is done to its end, unheard.
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
  // Asked for before anything is started, so that a signal in the middle ends it in order too.
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
      const adminToken = config.MILLRACE_ADMIN_TOKEN ?? keptSecret(dataDir, 'admin-token')
      const secretKey = config.MILLRACE_SECRET_KEY ?? keptSecret(dataDir, 'secret-key')
      const secrets = createSecretBox(secretKey, config.MILLRACE_SECRET_KEY_PREVIOUS)
      await refuseWrongKey(url, secrets)
      const surroundings = { config, logger, url, adminToken, secretKey }
      for (const startPart of start) parts.push(await startPart(surroundings))
    }
    // A process that is killed would not write it. 55 ms after an upgrade, 1 ms else.
    flushCompileCache()
    const serving = parts.find((part) => part.url)
    if (serving) console.log(`millrace ready ${serving.url}`)
    else if (parts.length > 0) console.log('millrace working')
    // The commands of the welcome call a receiver on this machine.
    const isWelcome = withWelcome && config.MILLRACE_ALLOW_PRIVATE_TARGETS
    if (isWelcome) console.log(welcomeOf(config, serving?.url as string))
    await signal
  } finally {
    // What cannot end in time (a database that does not answer) is cut off: nothing is lost by it.
    setTimeout(() => process.exit(1), limits.exitMs).unref()
    await Promise.all(parts.map((part) => part.stop()))
    await embedded?.stop()
  }
  // A connection that is still trying must not keep the process alive.
  process.exit(0)
}

/** Runs a script on DATABASE_URL, or on the embedded Postgres, which it starts where it must. */
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
  const current = MILLRACE_SECRET_KEY ?? keptSecret(config.MILLRACE_DATA_DIR, 'secret-key')
  await onDatabase((url) => rotateSecrets(url, { current, previous }, (line) => console.log(line)))
}

/** Does something with the database, and ends with 1 where it was not done. */
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

/** Beside a server nobody need ask a worker for its health. */
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
  const kept = path.relative(here, path.join(config.MILLRACE_DATA_DIR, 'admin-token'))
  const adminToken = config.MILLRACE_ADMIN_TOKEN ? '$MILLRACE_ADMIN_TOKEN' : `$(cat ${kept})`
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
 * What nobody waits for may fail too: graphile-worker completes its jobs so, and sockets break at
 * any time. A database, a peer or a socket ends the statement or the job that it failed, never the
 * process; the sweep makes good for a job that was not completed. A bug ends it.
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
 * Resolves at the first signal. A second one ends the process at once, but not within a second of
 * the first: a terminal, make and npm may all pass on the same one.
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
