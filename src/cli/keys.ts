// millrace keys create|list|revoke: manages API keys. The new key is the only line on standard
// output, so that a script can use KEY=$(millrace keys create …).

import { parseArgs } from 'node:util'
import type { Config } from '../config.ts'
import { createClient, UsageError } from './client.ts'

/** The help of the command. */
export const KEYS_HELP = `millrace keys create --name <name> --tenant <tenant> --scope <scope> …
millrace keys list [--tenant <tenant>]
millrace keys revoke <id>

  --name         the purpose of the key
  --tenant       a tenant; '*' is every tenant
  --scope        publish, read, configure (implies read), admin (implies all)
  --team         a team that a publisher may publish for; default: any
  --service      a service, likewise
  --event-name   an event, likewise: order.created, 'order.*'
  --rate         events a second that it may publish, on each process; default: no limit
  --expires-at   2027-01-31T00:00:00Z; default: never

All but --name, --rate and --expires-at may be repeated.`

type Printers = { print: (line: string) => void; note: (line: string) => void }
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

const PATH = '/api/v1/api-keys'
const several = { type: 'string', multiple: true } as const
const options = {
  name: { type: 'string' },
  tenant: several,
  scope: several,
  team: several,
  service: several,
  'event-name': several,
  rate: { type: 'string' },
  'expires-at': { type: 'string' },
} as const

/** Throws UsageError if the arguments are wrong. */
export async function keys(args: string[], config: Config, printers: Printers): Promise<void> {
  const [command, ...rest] = args
  switch (command) {
    case 'create':
      return create(rest, config, printers)
    case 'list':
      return list(rest, config, printers)
    case 'revoke':
      return revoke(rest, config, printers)
    default: {
      const problem = command === undefined ? '' : `There is no \`${command}\`.\n\n`
      throw new UsageError(problem + KEYS_HELP)
    }
  }
}

async function create(args: string[], config: Config, { print, note }: Printers): Promise<void> {
  const { values } = parse(() => parseArgs({ args, options }))
  if (!values.name || !values.scope) {
    throw new UsageError(`--name and --scope are required.\n\n${KEYS_HELP}`)
  }
  const made = await createClient(config, {})('POST', PATH, {
    name: values.name,
    scopes: values.scope,
    tenants: values.tenant,
    teams: values.team,
    services: values.service,
    event_names: values['event-name'],
    rate: values.rate === undefined ? undefined : Number(values.rate),
    expires_at: values['expires-at'],
  })
  const { token, ...key } = made as Key & { token: string }
  note(`${lineOf(key)}\nThis is the key; it is not shown again:`)
  print(token)
}

async function list(args: string[], config: Config, { print, note }: Printers): Promise<void> {
  const { values } = parse(() => parseArgs({ args, options: { tenant: { type: 'string' } } }))
  const ask = createClient(config, values)
  let next: string | undefined
  do {
    const found = await ask('GET', next ? `${PATH}?after=${next}` : PATH)
    const page = found as { api_keys: Key[]; next?: string }
    for (const key of page.api_keys) print(lineOf(key))
    if (!next && page.api_keys.length === 0) note('There are no keys.')
    next = page.next
  } while (next)
}

async function revoke(args: string[], config: Config, { print }: Printers): Promise<void> {
  const { positionals } = parse(() => parseArgs({ args, allowPositionals: true, options: {} }))
  const [id, ...more] = positionals
  if (!id || more.length > 0) throw new UsageError(`Exactly one id is required.\n\n${KEYS_HELP}`)
  const revoked = await createClient(config, {})('DELETE', `${PATH}/${encodeURIComponent(id)}`)
  print(lineOf(revoked as Key))
}

function parse<Parsed>(parseThem: () => Parsed): Parsed {
  try {
    return parseThem()
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${KEYS_HELP}`, { cause: error })
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
