// The text of `millrace help`, and the list of commands that it shows.

import { listClientCommands } from './client-commands.ts'

const WIDTH = 17

/** The commands that serve, or work on the database. */
const operatorCommands = [
  { name: 'start', usage: 'start', summary: 'serve and work in one process' },
  { name: 'serve', usage: 'serve', summary: 'answer HTTP' },
  { name: 'work', usage: 'work', summary: 'deliver' },
  { name: 'migrate', usage: 'migrate', summary: 'bring the schema up to date, and end' },
  {
    name: 'sql',
    usage: 'sql [script] …',
    summary: 'run a script for audits, replays or operations; without one, list them',
  },
  {
    name: 'rotate-secrets',
    usage: 'rotate-secrets',
    summary: 'reseal stored secrets with the current secret key',
  },
  {
    name: 'rebuild',
    usage: 'rebuild config',
    summary: 'compare the configuration with its log (--apply: restore it)',
  },
  {
    name: 'rebuild',
    usage: 'rebuild shop …',
    summary: "compare a tenant's shop with its log (--apply: restore it)",
  },
]
const lastCommands = [
  {
    name: 'completion',
    usage: 'completion …',
    summary: 'print a script that completes commands in bash, zsh or fish',
  },
  {
    name: 'help',
    usage: 'help [command]',
    summary: 'print this text, or the help of a command, as its --help does',
  },
  { name: '--version', usage: '--version', summary: 'print the version of this program' },
]

const allCommands = () => [...operatorCommands, ...listClientCommands(), ...lastCommands]

/** The names of all commands, for completion. */
export function commandNames(): string[] {
  return [...new Set(allCommands().map(({ name }) => name))]
}

/** The text. */
export function helpText(): string {
  const lines = allCommands().map(({ usage, summary }) => `  ${usage.padEnd(WIDTH)}${summary}`)
  const settings = 'Settings come from the environment: docs/operate.md, "Settings".'
  return ['millrace <command>', '', ...lines, '', settings].join('\n')
}
