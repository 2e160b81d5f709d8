// millrace rejected: the events that a target has answered with 400, or that a person has skipped.
// They are kept for their integration or subscription, which may be removed by now.

import type { Command } from 'commander'
import { UsageError } from './client.ts'
import { exchangeOf, type Surroundings, subcommandsOf } from './client-command.ts'
import { type ConfirmOptions, confirm, withYes } from './confirm.ts'
import { type KindOptions, pathOfNamed, withKind } from './stream.ts'

type Entry = { id: string; created_at: string; name: string; position: number } & {
  cause: 'rejected' | 'skipped'
  status: number | null
  response: string
}
type WhichOptions = KindOptions & { all?: boolean }

/** Adds the command to the parser. */
export function declareRejected(command: Command, surroundings: Surroundings): void {
  command.description('Shows rejected events of an integration, sends them again, deletes them.')
  const add = subcommandsOf(command, 'list')
  withKind(add('list <id>', 'all of them, newest first', 'list erp-1')).action(
    async (id: string, options: KindOptions) => {
      const { client, show, note } = exchangeOf(surroundings, options)
      const answer = await client.call('GET', pathOf(id, options))
      const { rejected_events: entries } = answer as { rejected_events: Entry[] }
      if (entries.length === 0) note(`${id} has no rejected events.`)
      for (const entry of entries) show(entry, () => [lineOf(entry)])
    },
  )
  const example = 'erp-1 1a8a5052-8741-4daf-982e-e0a12990335a'
  withKind(add('show <id> <event>', 'one of them, as it was sent', `show ${example}`)).action(
    async (id: string, event: string, options: KindOptions) => {
      await exchangeOf(surroundings, options).showAnswer(pathOf(id, options, event))
    },
  )
  withKind(
    add('retry <id> [event]', 'send it again; if it is taken, it is gone', 'retry erp-1 --all'),
  )
    .option('--all', 'all of them, oldest first, until one fails')
    .action(async (id: string, event: string | undefined, options: WhichOptions) => {
      refuseUnclear(event, options)
      const { client, show } = exchangeOf(surroundings, options)
      const answer = await client.call('POST', `${pathOf(id, options, event)}/_retry`)
      const { delivered } = (answer ?? { delivered: 1 }) as { delivered: number }
      show({ delivered }, () => [`${delivered} delivered`])
    })
  withYes(withKind(add('delete <id> [event]', 'delete it', `delete ${example}`)))
    .option('--all', 'all of them')
    .action(
      async (id: string, event: string | undefined, options: WhichOptions & ConfirmOptions) => {
        refuseUnclear(event, options)
        const { client, show } = exchangeOf(surroundings, options)
        const which = event ? `the rejected event ${event}` : 'all rejected events'
        await confirm(`Delete ${which} of ${id}?`, options)
        const answer = await client.call('DELETE', pathOf(id, options, event))
        const { deleted } = (answer ?? { deleted: 1 }) as { deleted: number }
        show({ deleted }, () => [`${deleted} deleted`])
      },
    )
}

function refuseUnclear(event: string | undefined, { all }: WhichOptions): void {
  if ((event === undefined) !== (all === true))
    throw new UsageError('Name either one event, or --all.')
}

function pathOf(id: string, options: KindOptions, event?: string): string {
  const path = `${pathOfNamed(id, options)}/rejected_events`
  return event === undefined ? path : `${path}/${encodeURIComponent(event)}`
}

function lineOf({ id, created_at, name, position, cause, status, response }: Entry): string {
  const why = cause === 'skipped' ? 'skipped' : `answered ${status}`
  return `${id}  ${created_at}  ${name}  ${position}  ${why}: ${response}`
}
