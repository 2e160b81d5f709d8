// millrace changes: who changed what in a tenant's configuration, newest first, with the
// differences.

import type { Command } from 'commander'
import { countOfOption } from './arguments.ts'
import type { ServiceClient } from './client.ts'
import { type CommonOptions, exchangeOf, type Surroundings, withCommon } from './client-command.ts'
import { timeOfOption } from './time.ts'

/** Changes without --limit, and those that one request asks for. */
const LISTED = '20'
const PAGE = 100

type Change = {
  changed_at: string
  kind: string
  id: string
  action: string
  actor: string
  reason: string
  version: number
  differences: { path: string; before?: unknown; after?: unknown }[]
}

type Options = CommonOptions & {
  kind?: string
  id?: string
  actor?: string
  from?: string
  to?: string
  limit: string
}

/** Adds the command to the parser. */
export function declareChanges(command: Command, surroundings: Surroundings): void {
  command.description("Shows who changed what in a tenant's configuration, newest first.")
  withCommon(command, 'millrace changes --kind integration --id erp-1 --from 7d')
    .option('--kind <kind>', 'integration, subscription, job, sender, key, event_type')
    .option('--id <id>', 'what was changed')
    .option('--actor <actor>', 'who changed it')
    .option('--from <time>', 'changed from then on')
    .option('--to <time>', 'changed before then')
    .option('--limit <n>', 'at most this many', LISTED)
    .action(async (options: Options) => {
      const { client, show, note } = exchangeOf(surroundings, options)
      let count = 0
      for await (const change of changesOf(client, options)) {
        count++
        show(change, () => [headOf(change), ...change.differences.map(differenceOf)])
      }
      if (count === 0) note('No change is like this.')
    })
}

/** At most `limit` changes, over as many pages as it takes. */
async function* changesOf(client: ServiceClient, options: Options): AsyncGenerator<Change> {
  let left = countOfOption('--limit', options.limit)
  const query = new URLSearchParams()
  for (const name of ['kind', 'id', 'actor'] as const) {
    const text = options[name]
    if (text) query.set(name, text)
  }
  for (const name of ['from', 'to'] as const) {
    const text = options[name]
    if (text) query.set(name, timeOfOption(`--${name}`, text))
  }
  while (left > 0) {
    query.set('limit', String(Math.min(left, PAGE)))
    const found = await client.call('GET', `/changes?${query}`)
    const { changes, next } = found as { changes: Change[]; next: number | null }
    yield* changes
    left -= changes.length
    if (next === null) return
    query.set('before', String(next))
  }
}

function headOf({ changed_at, kind, id, action, version, actor, reason }: Change): string {
  return `${changed_at}  ${kind} ${id}  ${action} (version ${version}) by ${actor}: ${reason}`
}

function differenceOf({ path, ...values }: Change['differences'][number]): string {
  const [before, after] = [JSON.stringify(values.before), JSON.stringify(values.after)]
  if (before === undefined) return `  + ${path}: ${after}`
  return after === undefined ? `  - ${path}: ${before}` : `  ${path}: ${before} -> ${after}`
}
