// The table of commands, help, exit codes. 0: done, or stopped by a signal; 1: failed, with the
// reason on standard error; 2: the command line or the configuration is wrong.

import { UsageError } from './cli/client.ts'
import { type Config, readConfig } from './config.ts'
import { version } from './version.ts'

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
  help             print this text; after a command, --help prints its own
  --version        print the version of this program

Settings come from the environment: docs/operate.md, "Settings".`
const LAST_PORT = 65_535

/** Each loads what it needs. */
const commands: Record<string, (args: string[]) => Promise<void>> = {
  start: () => service(['work', 'serve'], { withWelcome: true }),
  serve: () => service(['serve']),
  work: () => service(['workAlone']),
  migrate: () => service([]),
  async keys(args) {
    const { keys } = await import('./cli/keys.ts')
    const note = (line: string) => console.error(line)
    await keys(args, readConfigOrFail(), { print: console.log, note })
  },
  sql,
  'rotate-secrets': rotate,
  rebuild,
  async listen([port = '9099']) {
    if (!/^\d+$/.test(port) || Number(port) > LAST_PORT)
      fail(2, `${port} is not a port.\n\n${HELP}`)
    // Its only purpose is what it prints.
    process.stdout.once('error', () => process.exit(0))
    const { printArrivals } = await import('./cli/listen.ts')
    const url = await printArrivals(Number(port), (line) => console.log(line))
    console.log(`listening on ${url}, Ctrl-C to end`)
  },
  async help() {
    console.log(HELP)
  },
  async version() {
    console.log(version)
  },
}

/** The help of the commands that have more to say than HELP. */
const helps: Record<string, () => Promise<string>> = {
  async keys() {
    const { KEYS_HELP } = await import('./cli/keys.ts')
    return KEYS_HELP
  },
  async sql() {
    const { listScripts } = await import('./cli/sql.ts')
    return listScripts()
  },
  async rebuild() {
    const { REBUILD_HELP } = await import('./cli/rebuild.ts')
    return REBUILD_HELP
  },
}

// The reader of the output may leave (| head): the command still completes, silently.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

const [given = 'help', ...args] = process.argv.slice(2)
const name = isHelp(given) ? 'help' : given.replace(/^--version$/, 'version')
const command = Object.hasOwn(commands, name) ? commands[name] : undefined
if (!command) fail(2, `There is no command ${given}.\n\n${HELP}`)
await runCommand(command).catch((error: Error) =>
  fail(error instanceof UsageError ? 2 : 1, error.message),
)

async function runCommand(command: (args: string[]) => Promise<void>): Promise<void> {
  if (args.some(isHelp)) return console.log((await helps[name]?.()) ?? HELP)
  const most = name in helps ? Infinity : name === 'listen' ? 1 : 0
  if (args.length > most) {
    fail(2, `millrace ${name} takes ${most === 0 ? 'no arguments' : 'one argument'}: --help.`)
  }
  await command(args)
}

function isHelp(argument: string): boolean {
  return argument === '--help' || argument === '-h'
}

async function service(
  parts: ('serve' | 'work' | 'workAlone')[],
  options = { withWelcome: false },
): Promise<void> {
  const config = readConfigOrFail()
  const { run } = await import('./run.ts')
  await run(config, parts, { ...options, onDead: ({ message }) => fail(1, message) })
}

/** Runs a script on DATABASE_URL, or on the embedded Postgres, which it starts if needed. */
async function sql(args: string[]): Promise<void> {
  const { listScripts, readCall, runCall } = await import('./cli/sql.ts')
  if (args.length === 0) return console.log(listScripts())
  const call = readCall(args)
  await onDatabase((url) => runCall(url, call, (line) => console.log(line)))
}

async function rebuild(args: string[]): Promise<void> {
  const { readRebuild, rebuild: rebuildShop } = await import('./cli/rebuild.ts')
  const { rebuildConfig } = await import('./cli/rebuild-config.ts')
  const call = readRebuild(args)
  const print = (line: string) => console.log(line)
  await onDatabase((url) =>
    call.what === 'shop' ? rebuildShop(url, call, print) : rebuildConfig(url, call, print),
  )
}

async function rotate(): Promise<void> {
  const { rotateSecrets } = await import('./cli/rotate-secrets.ts')
  const { secretFromFile } = await import('./sealing/secret-file.ts')
  const {
    MILLRACE_SECRET_KEY,
    MILLRACE_SECRET_KEY_PREVIOUS: previous,
    ...config
  } = readConfigOrFail()
  await onDatabase((url) => {
    const current = MILLRACE_SECRET_KEY ?? secretFromFile(config.MILLRACE_DATA_DIR, 'secret-key')
    return rotateSecrets(url, { current, previous }, (line) => console.log(line))
  })
}

/** Runs an action on the database; sets exit status 1 if it returns false. */
async function onDatabase(act: (url: string) => Promise<boolean>): Promise<void> {
  const config = readConfigOrFail()
  const { refuseNewCluster, refuseNewDatabase } = await import('./db/made.ts')
  const { startEmbeddedPostgres } = await import('./db/embedded.ts')
  if (!config.DATABASE_URL) refuseNewCluster(config.MILLRACE_DATA_DIR)
  const embedded = config.DATABASE_URL
    ? undefined
    : await startEmbeddedPostgres(config.MILLRACE_DATA_DIR)
  try {
    const url = config.DATABASE_URL ?? (embedded?.url as string)
    await refuseNewDatabase(url)
    if (!(await act(url))) process.exitCode = 1
  } finally {
    await embedded?.stop()
  }
}

function readConfigOrFail(): Config {
  try {
    return readConfig()
  } catch (error) {
    return fail(2, (error as Error).message)
  }
}

function fail(code: number, message: string): never {
  console.error(message)
  process.exit(code)
}
