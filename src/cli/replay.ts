// millrace replay: counts the events of a range, asks, sends them once more, and shows how far it
// is. The replay runs in the service: it goes on without this command.

import type { Command } from 'commander'
import { countOfOption } from './arguments.ts'
import { UsageError } from './client.ts'
import { exchangeOf, type Surroundings, subcommandsOf } from './client-command.ts'
import { type ConfirmOptions, confirm, withYes } from './confirm.ts'
import { rowsOf } from './pages.ts'
import { type Replay, replayLine, watchReplay } from './replay-watch.ts'
import { type KindOptions, pathOfNamed, warningLines, withKind } from './stream.ts'
import { timeOfOption } from './time.ts'

type DryRun = { from: string; to: string; events: number; is_estimate?: boolean } & {
  oldest_event_at: string | null
  warnings?: { message: string }[]
}
type StartOptions = KindOptions &
  ConfirmOptions & {
    from: string
    to?: string
    name?: string[]
    entity?: string[]
    rate?: string
    count?: boolean
    detach?: boolean
  }

/** Adds the command to the parser. */
export function declareReplay(command: Command, surroundings: Surroundings): void {
  command.description('Sends the events of a range once more to an integration, beside its stream.')
  const add = subcommandsOf(command, 'start')
  withYes(
    withKind(
      add(
        'start <id>',
        'count the events, ask, send them, and show how far it is',
        'start erp-2 --from 2026-11-20 --to 2026-11-21T08:00:00Z',
      ),
    ),
  )
    .requiredOption('--from <time>', 'the time of the first event')
    .option('--to <time>', 'the time of the last event; else now')
    .option('--name <name...>', "in place of the integration's filter: events of these names")
    .option('--entity <entity...>', 'likewise: the events of these entities')
    .option('--rate <n>', 'at most this many events a second')
    .option('--count', 'only count the events')
    .option('--detach', 'end after the start')
    .action((id: string, options: StartOptions) => start(id, options, surroundings))
  withKind(add('list <id>', 'the replays of an integration, newest first', 'list erp-2')).action(
    async (id: string, options: KindOptions) => {
      const { client, show, note } = exchangeOf(surroundings, options)
      let count = 0
      for await (const replay of rowsOf<Replay>(client, pathOf(id, options), 'replays')) {
        show(replay, () => [replayLine(replay)])
        count++
      }
      if (count === 0) note(`${id} has no replays.`)
    },
  )
  withKind(add('show <id> <number>', 'one of them', 'show erp-2 1'))
    .option('--watch', 'until it has ended')
    .action(async (id: string, number: string, options: KindOptions & { watch?: boolean }) => {
      const { client, show } = exchangeOf(surroundings, options)
      const path = `${pathOf(id, options)}/${numberOf(number)}`
      if (options.watch) return watchReplay(path, id, options, surroundings)
      const replay = (await client.call('GET', path)) as Replay
      show(replay, () => [replayLine(replay)])
    })
  withKind(add('cancel <id> <number>', 'end it; its record stays', 'cancel erp-2 1')).action(
    async (id: string, number: string, options: KindOptions) => {
      const { client, show } = exchangeOf(surroundings, options)
      const path = `${pathOf(id, options)}/${numberOf(number)}`
      const replay = (await client.call('DELETE', path)) as Replay
      show(replay, () => [replayLine(replay)])
    },
  )
}

async function start(id: string, options: StartOptions, surroundings: Surroundings): Promise<void> {
  const { client, show, note } = exchangeOf(surroundings, options)
  const path = pathOf(id, options)
  const body = bodyOf(options)
  const counted = (await client.call('POST', `${path}?dry_run=true`, body)) as DryRun
  const about = counted.is_estimate ? 'about ' : ''
  const range = `${counted.from} to ${counted.to}`
  const events =
    counted.events === 1 ? '1 event' : `${about}${counted.events.toLocaleString('en')} events`
  if (options.count) {
    show(counted, () => [`${events} from ${range}`, ...warningLines(counted)])
    return
  }
  for (const { message } of counted.warnings ?? []) note(message)
  if (counted.events === 0) return note(`There is nothing to send from ${range}.`)
  await confirm(`Send ${events} from ${range} to ${id} again?`, options)
  const replay = (await client.call('POST', path, body)) as Replay
  if (options.detach) show(replay, () => [replayLine(replay)])
  else await watchReplay(`${path}/${replay.number}`, id, options, surroundings)
}

function bodyOf({ from, to, name, entity, rate, subscription }: StartOptions): object {
  const isFiltered = name !== undefined || entity !== undefined
  if (subscription && isFiltered) {
    throw new UsageError('--name and --entity are for integrations: a subscription has one type.')
  }
  return {
    from: timeOfOption('--from', from),
    to: to ? timeOfOption('--to', to) : new Date().toISOString(),
    rate: rate === undefined ? undefined : countOfOption('--rate', rate),
    filter_conditions: isFiltered ? { event_filter: name, entity_filter: entity } : undefined,
  }
}

const pathOf = (id: string, options: KindOptions) => `${pathOfNamed(id, options)}/replays`

function numberOf(text: string): number {
  return countOfOption('The number of a replay', text)
}
