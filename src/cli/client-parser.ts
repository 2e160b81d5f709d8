// Parses the command line of a command of client-commands.ts, and runs it.

import { Command, CommanderError } from 'commander'
import { UsageError } from './client.ts'
import type { Surroundings } from './client-command.ts'
import { loadClientCommand } from './client-commands.ts'

/** Runs `millrace <name> <args>`. Throws a UsageError if the arguments are wrong. */
export async function runClientCommand(
  name: string,
  args: string[],
  surroundings: Surroundings,
): Promise<void> {
  let refusal = ''
  const command = await createParser(name, surroundings, (text) => {
    refusal += text
  })
  try {
    await command.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return
    throw new UsageError(refusal.replace(/^error: /, '').trim(), { cause: error })
  }
}

/** The parser of a command. `onRefusal` takes the text for wrong arguments. */
export async function createParser(
  name: string,
  surroundings: Surroundings,
  onRefusal: (text: string) => void,
): Promise<Command> {
  const command = new Command(`millrace ${name}`)
  command
    .exitOverride()
    .helpCommand(false)
    .configureOutput({
      writeOut: (text) => surroundings.print(text.trimEnd()),
      writeErr: onRefusal,
    })
    .showHelpAfterError(`\nmillrace ${name} --help lists what it takes.`)
  const declare = await loadClientCommand(name)
  declare?.(command, surroundings)
  for (const [index, sub] of command.commands.entries()) {
    // The first one runs without its name: a wrong word may have been meant as another one.
    const others = index === 0 ? `, and ${command.name()} --help the other commands` : ''
    sub.showHelpAfterError(`\n${command.name()} ${sub.name()} --help lists what it takes${others}.`)
  }
  return command
}
