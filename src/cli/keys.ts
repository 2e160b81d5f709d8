// millrace keys: manages API keys. The new key is the only line on standard output, so that a
// script can use KEY=$(millrace keys create …). The tenant is that of the command line alone: a key
// is made for those that it names.

import { type Command, Option } from 'commander'
import { countOfOption } from './arguments.ts'
import {
  type CommonOptions,
  exchangeOf,
  type Surroundings,
  subcommandsOf,
  withAccess,
} from './client-command.ts'
import { type ConfirmOptions, confirm, withYes } from './confirm.ts'
import { rowsOf } from './pages.ts'
import { accessOf } from './profile.ts'

const PATH = '/api/v1/api-keys'

type Key = {
  id: string
  name: string
  status: string
  tenants: string[]
  scopes: string[]
  teams?: string[]
  services?: string[]
  event_names?: string[]
  rate?: number
  expires_at?: string
}
type CreateOptions = Omit<CommonOptions, 'tenant'> & {
  name: string
  scope: string[]
  tenant?: string[]
  team?: string[]
  service?: string[]
  eventName?: string[]
  rate?: string
  expiresAt?: string
}

/** Adds the command to the parser. */
export function declareKeys(command: Command, surroundings: Surroundings): void {
  command.description('Creates, lists and revokes API keys, with a token that may: scope admin.')
  const add = subcommandsOf(command, 'list')
  const open = (options: Omit<CommonOptions, 'tenant'>, tenant?: string) => {
    const access = { ...accessOf(surroundings.config, options), tenant }
    return exchangeOf(surroundings, options, access)
  }
  add('list', 'the keys, newest first', 'list --tenant dodici').action(
    async (options: CommonOptions) => {
      const { client, show, note } = open(options, options.tenant)
      let count = 0
      for await (const key of rowsOf<Key>(client, PATH, 'api_keys')) {
        show(key, () => [lineOf(key)])
        count++
      }
      if (count === 0) note('There are no keys.')
    },
  )
  withAccess(
    command.command('create').description('make a key; it is shown once'),
    "millrace keys create --name shop --tenant dodici --scope publish --event-name 'order.*'",
  )
    .requiredOption('--name <name>', 'the purpose of the key')
    .addOption(
      new Option('--scope <scope...>', 'what it may do; configure implies read')
        .choices(['publish', 'read', 'configure', 'admin'])
        .makeOptionMandatory(),
    )
    .option('--tenant <tenant...>', "its tenants; '*' is every tenant")
    .option('--team <team...>', 'the teams that it may publish for; default: any')
    .option('--service <service...>', 'the services, likewise')
    .option('--event-name <name...>', "the events, likewise: order.created, 'order.*'")
    .option('--rate <n>', 'events a second that it may publish, on each process')
    .option('--expires-at <time>', '2027-01-31T00:00:00Z; default: never')
    .action(async (options: CreateOptions) => {
      const { client, show, note } = open(options)
      const made = await client.call('POST', PATH, bodyOf(options))
      const { token, ...key } = made as Key & { token: string }
      note(`${lineOf(key)}\nThis is the key; it is not shown again:`)
      show(made, () => [token])
    })
  withYes(add('revoke <id>', 'refuse a key from now on', 'revoke 0c9be2f17a35')).action(
    async (id: string, options: CommonOptions & ConfirmOptions) => {
      const { client, show } = open(options, options.tenant)
      await confirm(`Revoke the key ${id}, and those that it made?`, options)
      const revoked = await client.call('DELETE', `${PATH}/${encodeURIComponent(id)}`)
      show(revoked, () => [lineOf(revoked as Key)])
    },
  )
}

function bodyOf(options: CreateOptions): object {
  return {
    name: options.name,
    scopes: options.scope,
    tenants: options.tenant,
    teams: options.team,
    services: options.service,
    event_names: options.eventName,
    rate: options.rate === undefined ? undefined : countOfOption('--rate', options.rate),
    expires_at: options.expiresAt,
  }
}

function lineOf(key: Key): string {
  const parts = [
    `${key.id}  ${key.status.padEnd(7)}  ${key.name}`,
    `tenants ${key.tenants.join(',')}`,
    `scopes ${key.scopes.join(',')}`,
    key.teams && `teams ${key.teams.join(',')}`,
    key.services && `services ${key.services.join(',')}`,
    key.event_names && `event names ${key.event_names.join(',')}`,
    key.rate && `rate ${key.rate}`,
    key.expires_at && `until ${key.expires_at}`,
  ]
  return parts.filter(Boolean).join('  ')
}
