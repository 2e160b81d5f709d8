// millrace events: searches the log, shows one event, its deliveries, and the timeline of an order.
// --json prints events as they came: a payload keeps its bytes.

import { type Command, Option } from 'commander'
import { countOfOption, positionOfArgument } from './arguments.ts'
import type { ServiceClient } from './client.ts'
import {
  type CommonOptions,
  exchangeOf,
  type Surroundings,
  subcommandsOf,
} from './client-command.ts'
import { type FilterOptions, filterQuery, withFilters } from './event-filter.ts'
import { readLines } from './lines.ts'
import { rowsOf } from './pages.ts'
import { timeOfOption } from './time.ts'

const LISTED = '20'
const PAGE = 1_000
/** Of an order: each costs a call for its deliveries. */
const TIMELINE = 200
const NOTHING = 'No event is like this.'

type Event = { position: number; published_at: string; name: string; entity_id: string }
type Delivery = { kind: string; id: string; state: string; at: string | null; reason: string }
type ListOptions = CommonOptions &
  FilterOptions & {
    from?: string
    to?: string
    after?: string
    before?: string
    order: string
    limit: string
  }

/** Adds the command to the parser. */
export function declareEvents(command: Command, surroundings: Surroundings): void {
  command.description('Searches the log, and shows what was delivered to whom.')
  const add = subcommandsOf(command, 'list')
  withFilters(add('list', 'events, the newest first', "list --name 'order.*' --from yesterday"))
    .option('--from <time>', 'published from then on')
    .option('--to <time>', 'published before then')
    .option('--after <position>', 'beyond this position')
    .option('--before <position>', 'in front of this position')
    .addOption(
      new Option('--order <order>', 'the oldest or the newest first')
        .choices(['asc', 'desc'])
        .default('desc'),
    )
    .option('--limit <n>', 'at most this many', LISTED)
    .action(async (options: ListOptions) => {
      const { client, showJson, note } = exchangeOf(surroundings, options)
      let count = 0
      for await (const line of search(client, options)) {
        count++
        showJson(line, () => [lineOf(JSON.parse(line))])
      }
      if (count === 0) note(NOTHING)
    })
  add('show <position>', 'one event, with its payload', 'show 1763640000123456').action(
    async (at: string, options: CommonOptions) => {
      await exchangeOf(surroundings, options).showAnswer(pathOf(at))
    },
  )
  add('deliveries <position>', 'what became of it', 'deliveries 1763640000123456').action(
    async (at: string, options: CommonOptions) => {
      const { client, show } = exchangeOf(surroundings, options)
      for await (const one of deliveriesOf(client, at)) show(one, () => [deliveryLine(one)])
    },
  )
  add(
    'timeline <order>',
    'the events of an order, with their deliveries',
    'timeline order-7',
  ).action(async (order: string, options: CommonOptions) => {
    const { client, showJson, note } = exchangeOf(surroundings, options)
    const wanted = { ...options, orderId: order, order: 'asc', limit: String(TIMELINE) }
    let count = 0
    for await (const line of search(client, wanted)) {
      count++
      const event: Event = JSON.parse(line)
      const deliveries: Delivery[] = []
      for await (const one of deliveriesOf(client, String(event.position))) deliveries.push(one)
      const json = `${line.slice(0, -1)},"deliveries":${JSON.stringify(deliveries)}}`
      showJson(json, () => [lineOf(event), ...deliveries.map((one) => `    ${deliveryLine(one)}`)])
    }
    if (count === 0) note(NOTHING)
  })
}

/** The lines of the events that are found, at most `limit`, over as many pages as it takes. */
async function* search(client: ServiceClient, options: ListOptions): AsyncGenerator<string> {
  let left = countOfOption('--limit', options.limit)
  const query = filterQuery(options)
  for (const name of ['from', 'to'] as const) {
    const text = options[name]
    if (text) query.set(name, timeOfOption(`--${name}`, text))
  }
  for (const name of ['after', 'before', 'order'] as const) {
    const text = options[name]
    if (text) query.set(name, text)
  }
  const cursor = options.order === 'asc' ? 'after' : 'before'
  for (;;) {
    query.set('limit', String(Math.min(left, PAGE)))
    const headers = { accept: 'application/x-ndjson' }
    const answer = await client.open('GET', `/events?${query}`, { headers })
    if (answer.body) {
      for await (const line of readLines(answer.body)) {
        left--
        yield line
      }
    }
    const [, next] = RegExp(`[?&]${cursor}=(\\d+)`).exec(answer.headers.get('link') ?? '') ?? []
    // A page that leads nowhere would be read for ever.
    if (left <= 0 || !next || next === query.get(cursor)) return
    query.set(cursor, next)
  }
}

const deliveriesOf = (client: ServiceClient, position: string) =>
  rowsOf<Delivery>(client, `${pathOf(position)}/deliveries`, 'deliveries')

/** An event for people, on one line. */
function lineOf({ position, published_at, name, entity_id }: Event): string {
  return `${published_at}  ${position}  ${name}  ${entity_id}`
}

function deliveryLine({ id, state, at, reason }: Delivery): string {
  return `${id}  ${state}${at ? `  ${at}` : ''}  ${reason}`
}

const pathOf = (position: string) => `/events/${positionOfArgument(position)}`
