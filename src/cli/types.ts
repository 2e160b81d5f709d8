// millrace types: the event types that are known, published or registered, and the schemas that
// their events must follow.

import type { Command } from 'commander'
import { Option } from 'commander'
import { readJsonFile } from './arguments.ts'
import {
  type CommonOptions,
  exchangeOf,
  type Surroundings,
  subcommandsOf,
} from './client-command.ts'
import { type ConfirmOptions, confirm, withYes } from './confirm.ts'
import type { ShownLine } from './output.ts'
import { rowsOf } from './pages.ts'

const PATH = '/event-types'

type EventType = {
  name: string
  description: string | null
  deprecated?: boolean
  last_published_at: string | null
  schema?: object
  on_violation?: string
}
type RegisterOptions = CommonOptions & {
  onViolation: string
  description?: string
  deprecated?: boolean
}

/** Adds the command to the parser. */
export function declareTypes(command: Command, surroundings: Surroundings): void {
  command.description('Lists event types, and registers the schemas of their payloads.')
  const add = subcommandsOf(command, 'list')
  add('list', 'known, published and registered ones, by name', 'list').action(
    async (options: CommonOptions) => {
      const { client, show } = exchangeOf(surroundings, options)
      for await (const type of rowsOf<EventType>(client, PATH, 'event_types')) {
        show(type, () => [lineOf(type)])
      }
    },
  )
  add('show <name>', 'one, with its schema', 'show order.created').action(
    async (name: string, options: CommonOptions) => {
      const { client, show } = exchangeOf(surroundings, options)
      const type = (await client.call('GET', pathOf(name))) as EventType
      show(type, () => [lineOf(type), ...schemaLines(type)])
    },
  )
  add(
    'register <name> <file>',
    'check its events from now on by the JSON Schema in a file (- is standard input)',
    'register order.created order.schema.json --on-violation reject',
  )
    .addOption(
      new Option('--on-violation <what>', 'refuse an event that breaks it, or warn')
        .choices(['reject', 'warn'])
        .makeOptionMandatory(),
    )
    .option('--description <text>', 'what such an event means')
    .option('--deprecated', 'a note for readers: its events are taken all the same')
    .action(async (name: string, file: string, options: RegisterOptions) => {
      const { client, show } = exchangeOf(surroundings, options)
      const { onViolation: on_violation, description, deprecated } = options
      const body = { schema: readJsonFile(file), on_violation, description, deprecated }
      const type = (await client.call('PUT', pathOf(name), body)) as EventType
      show(type, () => [`${name} is registered: ${on_violation}`])
    })
  withYes(add('delete <name>', 'remove its registration', 'delete order.created')).action(
    async (name: string, options: CommonOptions & ConfirmOptions) => {
      const { client, show } = exchangeOf(surroundings, options)
      await confirm(`Check the events of ${name} no longer?`, options)
      await client.call('DELETE', pathOf(name))
      show({ name }, () => [`${name} is not registered any more`])
    },
  )
}

const pathOf = (name: string) => `${PATH}/${encodeURIComponent(name)}`

function lineOf({ name, description, deprecated, on_violation, ...type }: EventType): string {
  const parts = [
    name,
    type.last_published_at ? `last published ${type.last_published_at}` : 'never published',
    on_violation && `registered: ${on_violation}`,
    deprecated && 'deprecated',
    description,
  ]
  return parts.filter(Boolean).join('  ')
}

function schemaLines({ schema }: EventType): ShownLine[] {
  return schema ? JSON.stringify(schema, null, 2).split('\n') : []
}
