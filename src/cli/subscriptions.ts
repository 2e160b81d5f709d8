// millrace subscriptions: lists the subscriptions of queues and topics with what is wrong and what
// to do, changes them, and acts on one of them.

import type { Command } from 'commander'
import { readJsonFile } from './arguments.ts'
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
  pathOfStream,
  SUBSCRIPTIONS,
  warningLines,
} from './stream.ts'

type Shown = {
  id: string
  active: boolean
  entityType: string
  health?: HealthShown
  destination: { sqs?: { queueUrl: string }; sns?: { topicArn: string } }
  warnings?: { message: string }[]
}

/** Adds the command to the parser. */
export function declareSubscriptions(command: Command, surroundings: Surroundings): void {
  command.description('Lists subscriptions with their health, and acts on one of them.')
  const add = subcommandsOf(command, 'list')
  add('list', 'each with its health, and what to do', 'list --tenant dodici').action(
    async (options: CommonOptions) => {
      const { client, show, note } = exchangeOf(surroundings, options)
      const all = (await client.call('GET', SUBSCRIPTIONS.path)) as Shown[]
      if (all.length === 0) note('There are no subscriptions.')
      for (const one of all) show(one, () => linesOf(one))
    },
  )
  add('show <id>', 'one with its health, its settings and its statistics', 'show crm').action(
    async (id: string, options: CommonOptions) => {
      const { client, show } = exchangeOf(surroundings, options)
      const one = (await client.call('GET', pathOf(id))) as Shown
      const stats = (await client.call('GET', `${pathOf(id)}/stats`)) as object
      show({ ...one, stats }, () => [
        ...linesOf(one),
        ...fieldLines(one, ['id', 'health']),
        ...fieldLines(stats, ['status']),
      ])
    },
  )
  declareStreamActions(add, SUBSCRIPTIONS, 'crm', surroundings)
  declareChanges(add, surroundings)
}

function declareChanges(add: AddSubcommand, surroundings: Surroundings): void {
  add('create <file>', 'create one, as a JSON file says (- is standard input)', 'create crm.json')
    .addHelpText('after', '\nIt receives events from now on.')
    .action(async (file: string, options: CommonOptions) => {
      const { client, show } = exchangeOf(surroundings, options)
      const made = (await client.call('POST', SUBSCRIPTIONS.path, readJsonFile(file))) as Shown
      show(made, () => [`${made.id} is created`, ...warningLines(made)])
    })
  add(
    'update <id> <file>',
    'replace it by what a JSON file says (- is standard input)',
    'update crm crm.json',
  ).action(async (id: string, file: string, options: CommonOptions) => {
    const { client, show } = exchangeOf(surroundings, options)
    const body = { ...readJsonFile(file), id }
    const changed = (await client.call('PUT', SUBSCRIPTIONS.path, body)) as Shown
    show(changed, () => [`${id} is updated`, ...warningLines(changed)])
  })
  add('activate <id>', 'go on where it stopped', 'activate crm').action(
    async (id: string, options: CommonOptions) => {
      const { client, show } = exchangeOf(surroundings, options)
      // A change replaces the whole of it: the version makes sure that it is what was read.
      const answer = await client.open('GET', pathOf(id))
      const headers = { 'if-match': answer.headers.get('etag') ?? '*' }
      const body = JSON.stringify({ ...((await answer.json()) as Shown), active: true })
      const changed = await client.open('PUT', SUBSCRIPTIONS.path, { headers, body })
      show(await changed.json(), () => [`${id} is active`])
    },
  )
  add('deactivate <id>', 'send it nothing more', 'deactivate crm').action(
    async (id: string, options: CommonOptions) => {
      const { client, show } = exchangeOf(surroundings, options)
      await client.call('PUT', `${pathOf(id)}/deactivate`)
      show({ id, active: false }, () => [`${id} is not active any more`])
    },
  )
  withYes(add('delete <id>', 'delete it', 'delete crm')).action(
    async (id: string, options: CommonOptions & ConfirmOptions) => {
      const { client, show } = exchangeOf(surroundings, options)
      await confirm(`Delete the subscription ${id}?`, options)
      await client.call('DELETE', pathOf(id))
      show({ id }, () => [`${id} is deleted`])
    },
  )
}

function linesOf({ id, active, entityType, destination, health }: Shown): ShownLine[] {
  const address = destination.sqs?.queueUrl ?? destination.sns?.topicArn ?? ''
  const state = active ? 'active' : 'not active'
  return healthLines(SUBSCRIPTIONS, { id, state, target: `${entityType}  ${address}`, health })
}

const pathOf = (id: string) => pathOfStream(SUBSCRIPTIONS, id)
