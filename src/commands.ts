// The table of commands, and with which status each ends (cli/exit-status.ts).

import type { Surroundings } from './cli/client-command.ts'
import { isClientCommand } from './cli/client-commands.ts'
import { exitStatusOf } from './cli/exit-status.ts'
import { helpText } from './cli/help.ts'
import type { Show } from './cli/output.ts'
import { type Config, examineConfig, readConfig } from './config.ts'
import { version } from './version.ts'

/** Each loads what it needs. */
const commands: Record<string, (args: string[]) => Promise<void>> = {
  start: () => service(['work', 'serve'], { withWelcome: true }),
  serve: () => service(['serve']),
  work: () => service(['workAlone']),
  migrate: () => service([]),
  sql,
  'rotate-secrets': rotate,
  rebuild,
  async completion(args) {
    const { completionScript } = await import('./cli/completion.ts')
    console.log(await completionScript(args, surroundingsOf('completion')))
  },
  async help() {
    console.log(helpText())
  },
  async version() {
    console.log(version)
  },
}

/** The help of the commands that have more to say than HELP. */
const helps: Record<string, () => Promise<string>> = {
  async sql() {
    const { listScripts } = await import('./cli/sql.ts')
    return listScripts()
  },
  async completion() {
    const { COMPLETION_HELP } = await import('./cli/completion.ts')
    return COMPLETION_HELP
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

const [given = 'help', ...args] = withHelpBehind(process.argv.slice(2))
const name = isHelp(given) ? 'help' : given.replace(/^--version$/, 'version')
const command = commandOf(name)
if (!command) fail(2, `There is no command ${given}.\n\n${helpText()}`)
await runCommand(command).catch((error: Error) => fail(exitStatusOf(error), error.message))

function commandOf(name: string): ((args: string[]) => Promise<void>) | undefined {
  if (isClientCommand(name)) return (args) => callService(name, args)
  return Object.hasOwn(commands, name) ? commands[name] : undefined
}

/** A command that parses its own arguments and help. */
async function callService(name: string, args: string[]): Promise<void> {
  const { runClientCommand } = await import('./cli/client-parser.ts')
  await runClientCommand(name, args, surroundingsOf(name))
}

function surroundingsOf(name: string): Surroundings {
  return {
    // The doctor says itself what is wrong with it.
    config: name === 'doctor' ? examineConfig().config : readConfigOrFail(),
    print: (line) => console.log(line),
    note: (line) => console.error(line),
    isTerminal: process.stdout.isTTY === true,
  }
}

async function runCommand(command: (args: string[]) => Promise<void>): Promise<void> {
  if (isClientCommand(name)) return command(args)
  if (args.some(isHelp)) return console.log((await helps[name]?.()) ?? helpText())
  if (args.length > 0 && !Object.hasOwn(helps, name)) {
    fail(2, `millrace ${name} takes no arguments: --help.`)
  }
  await command(args)
}

/** `help events list` as `events list --help`. */
function withHelpBehind([first = 'help', ...rest]: string[]): string[] {
  const isOfCommand = (first === 'help' || isHelp(first)) && rest.length > 0 && !rest.some(isHelp)
  return isOfCommand ? [...rest, '--help'] : [first, ...rest]
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
  const { showJson } = await import('./cli/output.ts')
  const call = readRebuild(args)
  const surroundings = surroundingsOf('rebuild')
  const show: Show = (value, lines) => showJson(surroundings, call, JSON.stringify(value), lines)
  await onDatabase((url) =>
    call.what === 'shop' ? rebuildShop(url, call, show) : rebuildConfig(url, call, show),
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
