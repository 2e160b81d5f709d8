// millrace completion <shell>: a script that completes commands and options. It has all words in
// it, so that a shell need not start this program at each press of the key.

import type { Command, Option } from 'commander'
import { UsageError } from './client.ts'
import type { Surroundings } from './client-command.ts'
import { listClientCommands } from './client-commands.ts'
import { createParser } from './client-parser.ts'
import { commandNames } from './help.ts'
import { readScripts } from './script.ts'

/** The help of the command. */
export const COMPLETION_HELP = `millrace completion <shell>

Prints a script that completes commands and options in bash, zsh or fish.

Examples:
  source <(millrace completion bash)       in ~/.bashrc
  source <(millrace completion zsh)        in ~/.zshrc, after compinit
  millrace completion fish | source        in ~/.config/fish/config.fish`

/** `isClosed`: nothing else may follow; otherwise names of files may. */
type Following = { words: string[]; isClosed: boolean }
/** '' is the program, 'events list' a subcommand, 'events list --order' an option with choices. */
type Words = Map<string, Following>

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
  const words: Words = new Map()
  const close = (at: string, following: string[]) =>
    words.set(at, { words: following, isClosed: true })
  // A command that takes no arguments has no words.
  for (const name of commandNames()) close(name, [])
  close('', commandNames())
  close('help', commandNames())
  close('completion', Object.keys(scripts))
  close('rebuild', ['config', 'shop'])
  for (const what of ['config', 'shop']) close(`rebuild ${what}`, ['--apply', '--json'])
  close(
    'sql',
    readScripts().map(({ name }) => name),
  )
  for (const { name } of listClientCommands()) {
    const command = await createParser(name, surroundings, () => {})
    for (const [at, following] of wordsFrom(name, command)) words.set(at, following)
  }
  return words
}

function* wordsFrom(at: string, command: Command): Generator<[string, Following]> {
  const options = optionsOf(command)
  const flags = options.map(({ long }) => long).filter((flag) => flag !== undefined)
  const subcommands = command.commands.map((sub) => sub.name())
  yield [at, { words: [...subcommands, ...flags, '--help'], isClosed: false }]
  for (const { long, argChoices } of options) {
    if (argChoices) yield [`${at} ${long}`, { words: argChoices, isClosed: true }]
  }
  for (const sub of command.commands) yield* wordsFrom(`${at} ${sub.name()}`, sub)
}

/** The first subcommand is the one that runs without its name. */
function optionsOf({ options, commands: [standard] }: Command): readonly Option[] {
  return standard ? [...options, ...optionsOf(standard)] : options
}

/**
 * Functions of bash and zsh. The first prints the words that may follow, and returns 0 if names of
 * files may follow, too, 2 if not, and 1 if it knows no such command. The second sets `at` to what
 * the words of a line so far name: options count only right in front of their value.
 */
function commonFunctions(words: Words): string {
  const cases = [...words].map(([at, { words, isClosed }]) => {
    const print = words.length > 0 ? `echo '${words.join(' ')}'; ` : ''
    return `    '${at}') ${print}return ${isClosed ? 2 : 0} ;;`
  })
  return `_millrace_words() {
  case "$1" in
${cases.join('\n')}
  esac
  return 1
}
_millrace_find() {
  local word next
  at=''
  for word in "$@"; do
    next="\${at:+$at }$word"
    case "$word" in -*) continue ;; esac
    _millrace_words "$next" > /dev/null
    [ $? -eq 1 ] || at=$next
  done
  case "$word" in -*) ;; *) return ;; esac
  _millrace_words "$next" > /dev/null
  [ $? -eq 1 ] || at=$next
}`
}

function bash(words: Words): string {
  return `${commonFunctions(words)}
_millrace() {
  local at list
  _millrace_find "\${COMP_WORDS[@]:1:COMP_CWORD-1}"
  list=$(_millrace_words "$at") || compopt +o default
  COMPREPLY=($(compgen -W "$list" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _millrace millrace`
}

function zsh(words: Words): string {
  return `${commonFunctions(words)}
_millrace() {
  local at list files=yes
  _millrace_find "\${(@)words[2,CURRENT-1]}"
  list=$(_millrace_words "$at") || files=''
  compadd -- \${=list}
  [[ -z $files ]] || _files
}
compdef _millrace millrace`
}

function fish(words: Words): string {
  const cases = [...words].flatMap(([at, { words, isClosed }]) => [
    `    case '${at}'`,
    ...(words.length > 0 ? [`      string split -- ' ' '${words.join(' ')}'`] : []),
    `      return ${isClosed ? 2 : 0}`,
  ])
  return `function __millrace_words
  switch "$argv[1]"
${cases.join('\n')}
  end
  return 1
end
function __millrace_find
  set -l at ''
  set -l next ''
  for word in $argv
    set next (string trim -- "$at $word")
    string match -q -- '-*' $word; and continue
    __millrace_words $next > /dev/null
    test $status -eq 1; or set at $next
  end
  if string match -q -- '* -*' $next
    __millrace_words $next > /dev/null
    test $status -eq 1; or set at $next
  end
  echo $at
end
function __millrace_complete
  __millrace_words (__millrace_find (commandline -opc)[2..])
end
complete -c millrace -n '__millrace_complete > /dev/null; test $status -eq 2' -f
complete -c millrace -a '(__millrace_complete)'`
}
