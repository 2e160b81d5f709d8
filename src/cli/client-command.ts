// The surroundings and the options that all commands of client-commands.ts share.

import type { Command } from 'commander'
import type { Config } from '../config.ts'
import { createClient, type ServiceClient } from './client.ts'
import { type Output, type Show, type ShownLine, showJson } from './output.ts'
import { type AccessOptions, accessOf } from './profile.ts'

/** The process around a command. */
export type Surroundings = Output & {
  config: Config
  /** A line on standard error, for all that is not the result. */
  note(line: string): void
}

/** Adds a command's options, actions and subcommands. */
export type Declare = (command: Command, surroundings: Surroundings) => void

/** The options of every command here. */
export type CommonOptions = AccessOptions & { json?: boolean }

/** Adds the options of all commands, and an example to the help. */
export function withCommon(command: Command, example: string): Command {
  return withAccess(command, example).option(
    '--tenant <tenant>',
    'the tenant; else MILLRACE_TENANT, or that of the login',
  )
}

/** The same without --tenant, for a command that gives it another meaning. */
export function withAccess(command: Command, example: string): Command {
  return command
    .option('--url <url>', 'the service; else MILLRACE_URL, or that of the login')
    .option('--token <token>', 'the token; else MILLRACE_TOKEN, or that of the login')
    .option('--json', 'print JSON, one value a line, for programs')
    .addHelpText('after', `\nExample:\n  ${example}`)
}

/** Adds a subcommand; `example` is its command line without that of the command. */
export type AddSubcommand = (usage: string, description: string, example: string) => Command

/** How a command gets its subcommands. `standard`: the one that runs if none is named. */
export function subcommandsOf(command: Command, standard: string): AddSubcommand {
  return (usage, description, example) => {
    const isDefault = usage.split(' ')[0] === standard
    const added = command.command(usage, { isDefault }).description(description)
    return withCommon(added, `${command.name()} ${example}`)
  }
}

/** The service for an action, and how to print answers. */
type Exchange = {
  client: ServiceClient
  show: Show
  /** The same for JSON as it came: a payload keeps its bytes. */
  showJson(json: string, lines: () => ShownLine[]): void
  /** Gets JSON, and prints it as it came, or indented. */
  showAnswer(path: string): Promise<void>
  note(line: string): void
}

/** The exchange with the service that the options name. */
export function exchangeOf(
  surroundings: Surroundings,
  options: CommonOptions,
  access = accessOf(surroundings.config, options),
): Exchange {
  const { note } = surroundings
  const client = createClient(access)
  return {
    client,
    show: (value, lines) => showJson(surroundings, options, JSON.stringify(value ?? null), lines),
    showJson: (json, lines) => showJson(surroundings, options, json, lines),
    async showAnswer(path) {
      const text = await (await client.open('GET', path)).text()
      const pretty = () => JSON.stringify(JSON.parse(text), null, 2).split('\n')
      showJson(surroundings, options, text.replaceAll(/[\r\n]/g, ' '), pretty)
    },
    note,
  }
}
