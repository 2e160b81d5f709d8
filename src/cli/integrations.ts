// millrace integrations: lists them with what is wrong and what to do, changes them, and acts on
// one of them.

import type { Command } from 'commander'
import { positionOfArgument, readJsonFile } from './arguments.ts'
import {
  type AddSubcommand,
  type CommonOptions,
  exchangeOf,
  type Surroundings,
  subcommandsOf,
} from './client-command.ts'
import { type ConfirmOptions, confirm, withYes } from './confirm.ts'
import { fieldLines, type ShownLine } from './output.ts'
import {
  declareStreamActions,
  type HealthShown,
  healthLines,
  INTEGRATIONS,
  pathOfStream,
  showTrial,
  type TrialShown,
  warningLines,
} from './stream.ts'

type Shown = {
  id: string
  status: string
  health?: HealthShown
  callback_parameters?: { callback_url?: string }
  s3_parameters?: { bucket?: string }
  warnings?: { message: string }[]
}

/** Adds the command to the parser. */
export function declareIntegrations(command: Command, surroundings: Surroundings): void {
  command.description('Lists integrations with their health, and acts on one of them.')
  const add = subcommandsOf(command, 'list')
  add('list', 'each with its health, and what to do', 'list --tenant dodici').action(
    async (options: CommonOptions) => {
      const { client, show, note } = exchangeOf(surroundings, options)
      const { integrations } = (await client.call('GET', INTEGRATIONS.path)) as {
        integrations: Shown[]
      }
      if (integrations.length === 0) note('There are no integrations.')
      for (const one of integrations) show(one, () => linesOf(one))
    },
  )
  add('show <id>', 'one with its health, its settings and its statistics', 'show erp-1').action(
    async (id: string, options: CommonOptions) => {
      const { client, show } = exchangeOf(surroundings, options)
      const one = (await client.call('GET', pathOf(id))) as Shown
      const stats = (await client.call('GET', `${pathOf(id)}/stats`)) as object
      show({ ...one, stats }, () => [
        ...linesOf(one),
        ...fieldLines(one, ['id', 'status', 'health']),
        ...fieldLines(stats, ['status']),
      ])
    },
  )
  declareStreamActions(add, INTEGRATIONS, 'erp-1', surroundings)
  declareChanges(add, surroundings)
}

function declareChanges(add: AddSubcommand, surroundings: Surroundings): void {
  add('register <file>', 'register one, as a JSON file says (- is standard input)', 'register -')
    .addHelpText('after', '\nIt runs at once.')
    .action(async (file: string, options: CommonOptions) => {
      const { client, show } = exchangeOf(surroundings, options)
      const made = (await client.call('POST', INTEGRATIONS.path, readJsonFile(file))) as Shown
      show(made, () => [`${made.id} is registered`, ...warningLines(made)])
    })
  add('update <id> <file>', 'change what a JSON file names (- is standard input)', 'update erp-1 -')
    .addHelpText('after', '\nOnly a stopped integration can be updated.')
    .action(async (id: string, file: string, options: CommonOptions) => {
      const { client, show } = exchangeOf(surroundings, options)
      const changed = (await client.call('PATCH', pathOf(id), readJsonFile(file))) as Shown
      show(changed, () => [`${id} is updated`, ...warningLines(changed)])
    })
  for (const act of ['start', 'stop']) {
    add(`${act} <id>`, `${act} it`, `${act} erp-1`).action(
      async (id: string, options: CommonOptions) => {
        const { client, show } = exchangeOf(surroundings, options)
        const changed = (await client.call('POST', `${pathOf(id)}/_${act}`)) as Shown
        show(changed, () => [`${id} is ${changed.status}`])
      },
    )
  }
  withYes(add('delete <id>', 'stop and delete it', 'delete erp-1')).action(
    async (id: string, options: CommonOptions & ConfirmOptions) => {
      const { client, show } = exchangeOf(surroundings, options)
      await confirm(`Delete the integration ${id}?`, options)
      await client.call('DELETE', pathOf(id))
      show({ id }, () => [`${id} is deleted`])
    },
  )
  add('test <id>', 'send a test event, and show what left and what came back', 'test erp-1')
    .option('--name <name>', 'the name of the event')
    .option('--position <position>', 'this event of the log, in place of a made-up one')
    .action(async (id: string, options: CommonOptions & { name?: string; position?: string }) => {
      const { name, position } = options
      const body = {
        ...(name ? { name } : {}),
        ...(position ? { position: positionOfArgument(position) } : {}),
      }
      const { client } = exchangeOf(surroundings, options)
      const result = (await client.call('POST', `${pathOf(id)}/_test`, body)) as TrialShown
      showTrial(surroundings, options, id, result)
    })
}

function linesOf({ id, status, health, ...of }: Shown): ShownLine[] {
  const bucket = of.s3_parameters?.bucket
  const target = bucket ? `s3://${bucket}` : (of.callback_parameters?.callback_url ?? '')
  return healthLines(INTEGRATIONS, { id, state: status, target, health })
}

const pathOf = (id: string) => pathOfStream(INTEGRATIONS, id)
