// millrace completion <shell>: a script that completes commands and options. It has all words in
// it, so that a shell need not start this program at each press of the key.

import type { Command } from 'commander'
import { UsageError } from './client.ts'
import type { Surroundings } from './client-command.ts'
import { listClientCommands } from './client-commands.ts'
import { createParser } from './client-parser.ts'
import { commandNames } from './help.ts'

/** The help of the command. */
export const COMPLETION_HELP = `millrace completion <shell>

Prints a script that completes commands and options in bash, zsh or fish.

Examples:
  source <(millrace completion bash)       in ~/.bashrc
  source <(millrace completion zsh)        in ~/.zshrc, after compinit
  millrace completion fish | source        in ~/.config/fish/config.fish`

/** The commands with the words that may follow: '' is the program, 'events list' a subcommand. */
type Words = Map<string, string[]>

const scripts: Record<string, (words: Words) => string> = { bash, zsh, fish }

/** The script. Throws a UsageError if it is not for one of the shells. */
export async function completionScript(
  args: string[],
  surroundings: Surroundings,
): Promise<string> {
  const [shell = '', ...more] = args
  const write = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined
  if (!write || more.length > 0) throw new UsageError(COMPLETION_HELP)
  return write(await readWords(surroundings))
}

/** Reads the words from the parsers of all commands. */
async function readWords(surroundings: Surroundings): Promise<Words> {
  const words: Words = new Map([['', commandNames()]])
  for (const { name } of listClientCommands()) {
    const command = await createParser(name, surroundings, () => {})
    words.set(name, wordsOf(command))
    for (const sub of command.commands) words.set(`${name} ${sub.name()}`, wordsOf(sub))
  }
  return words
}

function wordsOf(command: Command): string[] {
  const flags = command.options.map(({ long }) => long).filter((flag) => flag !== undefined)
  // The first subcommand is the one that runs without its name.
  const [standard] = command.commands
  const ofStandard = standard ? wordsOf(standard).filter((word) => word !== '--help') : []
  return [...command.commands.map((sub) => sub.name()), ...flags, ...ofStandard, '--help']
}

/** A function of bash and zsh that prints the words of a command. */
function wordsFunction(words: Words): string {
  const cases = [...words].map(([at, all]) => `    '${at}') echo '${all.join(' ')}' ;;`)
  return ['_millrace_words() {', '  case "$1" in', ...cases, '  esac', '}'].join('\n')
}

function bash(words: Words): string {
  return `${wordsFunction(words)}
_millrace() {
  local at='' next word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next="\${at:+$at }$word"
    [ -z "$(_millrace_words "$next")" ] || at=$next
  done
  COMPREPLY=($(compgen -W "$(_millrace_words "$at")" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _millrace millrace`
}

function zsh(words: Words): string {
  return `${wordsFunction(words)}
_millrace() {
  local at='' next word
  for word in "\${(@)words[2,CURRENT-1]}"; do
    next="\${at:+$at }$word"
    [[ -z "$(_millrace_words "$next")" ]] || at=$next
  done
  compadd -- \${=$(_millrace_words "$at")}
  _files
}
compdef _millrace millrace`
}

function fish(words: Words): string {
  const cases = [...words].flatMap(([at, all]) => [
    `    case '${at}'`,
    `      string split -- ' ' '${all.join(' ')}'`,
  ])
  return `function __millrace_words
  switch "$argv[1]"
${cases.join('\n')}
  end
end
function __millrace_complete
  set -l at ''
  for word in (commandline -opc)[2..]
    set -l next (string trim -- "$at $word")
    test -z "$(__millrace_words $next)"; or set at $next
  end
  __millrace_words $at
end
complete -c millrace -a '(__millrace_complete)'`
}
