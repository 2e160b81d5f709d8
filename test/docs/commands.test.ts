// The table of commands in cli.md has all of them, each with its options; and each command has help
// with an example.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import type { Surroundings } from '../../src/cli/client-command.ts'
import { listClientCommands } from '../../src/cli/client-commands.ts'
import { createParser } from '../../src/cli/client-parser.ts'
import { commandNames } from '../../src/cli/help.ts'
import { readConfig } from '../../src/config.ts'
import { root } from './session.ts'

const page = readFileSync(path.join(root, 'docs/cli.md'), 'utf8')
const COMMON = ['--url', '--token', '--tenant', '--json']
const FILTERS = ['--name', '--entity', '--entity-id', '--order-id', '--customer-id']

let printed = ''
const surroundings: Surroundings = {
  config: readConfig(),
  print: (line) => {
    printed += line
  },
  note: () => {},
  isTerminal: false,
}

/** All commands that do something, with their full names. */
async function commands(): Promise<{ name: string; command: Command }[]> {
  const all = []
  for (const { name } of listClientCommands()) {
    const command = await createParser(name, surroundings, () => {})
    if (command.commands.length === 0) all.push({ name, command })
    for (const sub of command.commands) all.push({ name: `${name} ${sub.name()}`, command: sub })
  }
  return all
}

/** The rows of the table: the command, and its options. */
function documented(): Map<string, string[]> {
  const [, table = ''] = /## Every command\n\n.*\n.*\n((?:\|.*\n)+)/.exec(page) ?? []
  const rows = table.trim().split('\n')
  return new Map(
    rows.map((row) => {
      const [, name = '', , options = ''] = row.split('|').map((cell) => cell.trim())
      const flags = options.match(/--[a-z-]+/g) ?? []
      const filters = options.endsWith('and filters') ? FILTERS : []
      return [name.replaceAll('`', ''), [...flags, ...filters].sort()]
    }),
  )
}

const flagsOf = (command: Command) => command.options.map(({ long }) => long as string)

describe('cli.md', () => {
  it('has each command with its options', async () => {
    const all = await commands()
    expect(all.length).toBeGreaterThan(40)
    const known = all.map(
      ({ name, command }) =>
        [
          name,
          flagsOf(command)
            .filter((flag) => !COMMON.includes(flag))
            .sort(),
        ] as const,
    )
    expect(Object.fromEntries(documented())).toEqual(Object.fromEntries(known))
  })
  it('says which ones all have', async () => {
    for (const { name, command } of await commands()) {
      expect([name, flagsOf(command)]).toEqual([name, expect.arrayContaining(COMMON)])
    }
    for (const flag of [...COMMON, ...FILTERS]) expect(page).toContain(`\`${flag}\``)
  })
})

it('each command has help with an example of itself', async () => {
  for (const { name, command } of await commands()) {
    printed = ''
    command.outputHelp()
    expect([name, printed]).toEqual([name, expect.stringContaining('\nExample:\n  millrace ')])
    const [, example = ''] = /\nExample:\n {2}millrace (.*)/.exec(printed) ?? []
    expect([name, example]).toEqual([name, expect.stringMatching(RegExp(`^${name}( |$)`))])
  }
})

it('the list of commands in the help has no name twice', () => {
  expect(new Set(commandNames()).size).toBe(commandNames().length)
})
