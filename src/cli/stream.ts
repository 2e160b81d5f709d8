// Integrations and subscriptions have in common: paths in the API, health with what to do, and the
// commands on the events of a stream.

import type { Command } from 'commander'
import { countOfOption, positionOfArgument } from './arguments.ts'
import {
  type AddSubcommand,
  type CommonOptions,
  exchangeOf,
  type Surroundings,
} from './client-command.ts'
import type { ShownLine } from './output.ts'
import { rowsOf } from './pages.ts'
import { timeOfOption } from './time.ts'

/** `command` lists and changes them. */
type StreamKind = { command: string; path: string }

export const INTEGRATIONS: StreamKind = {
  command: 'integrations',
  path: '/api/v1/org/integrations/eventstream',
}
export const SUBSCRIPTIONS: StreamKind = {
  command: 'subscriptions',
  path: '/api/v1/event-subscription',
}

export const pathOfStream = ({ path }: StreamKind, id: string) =>
  `${path}/${encodeURIComponent(id)}`

/** The option of commands for streams of either kind. */
export type KindOptions = CommonOptions & { subscription?: boolean }

/** Adds it to a command. */
export function withKind(command: Command): Command {
  return command.option('--subscription', 'the id is that of a subscription')
}

/** The path of the stream that a command names. */
export function pathOfNamed(id: string, { subscription }: KindOptions): string {
  return pathOfStream(subscription ? SUBSCRIPTIONS : INTEGRATIONS, id)
}

export type HealthShown = { state: string; message: string; position?: number | null } & {
  stopped_by?: string | null
  passed_over?: number | null
}

/** One that keeps up, but whose filter takes no event, may have a wrong filter. */
export const isWell = ({ state, passed_over }: HealthShown) => state === 'ok' && !passed_over

/** A stream with its health, and what to do unless it is well. */
export function healthLines(
  kind: StreamKind,
  { id, state, target, health }: HealthOf,
): ShownLine[] {
  const text = `${id}  ${health?.state ?? state}  ${target}`.trimEnd()
  if (!health) return [text]
  if (isWell(health)) return [{ text, tone: 'good' }, `  ${health.message}`]
  const tone = ['ok', 'behind'].includes(health.state) ? 'careful' : 'bad'
  return [{ text, tone }, `  ${health.message}`, `  ${remedyOf(kind, id, health)}`]
}

/** `state` is shown if the health is not known. */
type HealthOf = { id: string; state: string; target: string; health: HealthShown | undefined }

/** The remedy for a stream that is not well, as a sentence. */
export function remedyOf(kind: StreamKind, id: string, health: HealthShown): string {
  const { command } = kind
  const { state, position } = health
  const skip = `, or millrace ${command} skip ${id} ${position} --reason …`
  if (state === 'failing') return `To do: repair the target${position ? skip : ''}`
  if (state === 'stopped') return `To do: ${remedyOfStop(kind, id, health)}`
  if (state === 'ok') return `To do: check its filter with millrace ${command} show ${id}`
  return `To do: see what waits with millrace ${command} undelivered ${id}`
}

/** The reasons of a stop by the service; the message has the reason at its end. */
const REFUSED = / by millrace: The (target refused an event|store refused a file): /
const NO_RETRIES = / failed \d+ times; no retries are left\./
const IS_FULL = / by millrace: The limit of \d+ rejected events is reached\./
const WAITS = /; it completes when the last one is /

/** After a stop by the service a start alone would soon end in the same stop. */
function remedyOfStop(
  { command }: StreamKind,
  id: string,
  { stopped_by, message }: HealthShown,
): string {
  const isIntegration = command === 'integrations'
  const start = `millrace ${command} ${isIntegration ? 'start' : 'activate'} ${id}`
  if (stopped_by !== 'millrace') return start
  const all = `${id} --all${isIntegration ? '' : ' --subscription'}`
  const empty = `millrace rejected retry ${all}, or millrace rejected delete ${all}`
  if (WAITS.test(message)) return empty
  if (IS_FULL.test(message)) return `${empty}; then ${start}`
  if (NO_RETRIES.test(message)) return `repair the target, then ${start}`
  if (!REFUSED.test(message)) return start
  return `change its settings (millrace ${command} update ${id} …) or the target, then ${start}`
}

/** Names of a filter that nobody has published so far. */
export function warningLines({ warnings = [] }: { warnings?: { message: string }[] }): ShownLine[] {
  return warnings.map(({ message }) => ({ text: `  ${message}`, tone: 'careful' }))
}

type Entry = { created_at: string; action: string; reason: string; actor: string }
type Undelivered = { position: number; name: string; entity_id: string } & {
  state: string
  reason: string
}
/** The answer to a test event, or to an event that is sent again. */
export type TrialShown = { outcome: string; reason: string | null; duration_ms: number } & {
  sent?: { url: string; signed_text: string }
  received?: { status: number; body: string } | null
}

/** Adds logs, undelivered, skip and resend. `id`: one for examples. */
export function declareStreamActions(
  add: AddSubcommand,
  kind: StreamKind,
  id: string,
  surroundings: Surroundings,
): void {
  add('logs <id>', 'what happened to it, newest first', `logs ${id} --limit 10`)
    .option('--limit <n>', 'at most this many entries')
    .action(async (id: string, options: CommonOptions & { limit?: string }) => {
      const { client, show } = exchangeOf(surroundings, options)
      const query = options.limit ? `?limit=${countOfOption('--limit', options.limit)}` : ''
      const answer = await client.call('GET', `${pathOfStream(kind, id)}/logs${query}`)
      for (const entry of (answer as { entries: Entry[] }).entries) {
        const { created_at, action, actor, reason } = entry
        show(entry, () => [`${created_at}  ${action}  ${actor}: ${reason}`])
      }
    })
  add('undelivered <id>', 'events that it has not received, and why', `undelivered ${id}`)
    .option('--from <time>', 'published from then on', 'yesterday')
    .option('--to <time>', 'published before then')
    .action(async (id: string, options: CommonOptions & { from: string; to?: string }) => {
      const { client, show, note } = exchangeOf(surroundings, options)
      const query = new URLSearchParams({ from: timeOfOption('--from', options.from) })
      if (options.to) query.set('to', timeOfOption('--to', options.to))
      let count = 0
      const path = `${pathOfStream(kind, id)}/undelivered?${query}`
      for await (const event of rowsOf<Undelivered>(client, path, 'events')) {
        const { position, name, entity_id, state, reason } = event
        show(event, () => [`${position}  ${name}  ${entity_id}  ${state}: ${reason}`])
        count++
      }
      if (count === 0) note(`${id} has received all events of this period.`)
    })
  add('resend <id> <position>', 'send one event of the log again', `resend ${id} 1763640000123456`)
    .option('--reason <text>', 'for the log')
    .action(async (id: string, at: string, options: CommonOptions & { reason?: string }) => {
      const { reason } = options
      const body = { position: positionOfArgument(at), ...(reason ? { reason } : {}) }
      const { client } = exchangeOf(surroundings, options)
      const result = await client.call('POST', `${pathOfStream(kind, id)}/_resend`, body)
      showTrial(surroundings, options, id, result as TrialShown)
    })
  add(
    'skip <id> <position>',
    'keep the event that holds up the stream as rejected',
    `skip ${id} 1763640000123456 --reason 'booked by hand'`,
  )
    .requiredOption('--reason <text>', 'for the log')
    .action(async (id: string, at: string, options: CommonOptions & { reason: string }) => {
      const { client, show } = exchangeOf(surroundings, options)
      const body = { position: positionOfArgument(at), reason: options.reason }
      const answer = await client.call('POST', `${pathOfStream(kind, id)}/_skip`, body)
      show(answer, () => [`${id} skips ${at}: it is among the rejected events`])
    })
}

/** Prints what came of an event; the exit status is 1 unless it was delivered. */
export function showTrial(
  surroundings: Surroundings,
  options: CommonOptions,
  id: string,
  result: TrialShown,
): void {
  const { outcome, reason, duration_ms, sent, received } = result
  exchangeOf(surroundings, options).show(result, () => [
    `${id}: ${outcome} after ${duration_ms.toFixed(0)} ms${reason ? `: ${reason}` : ''}`,
    ...(sent ? [`  sent to ${sent.url}`, `  signed text: ${sent.signed_text}`] : []),
    ...(received ? [`  answer ${received.status}: ${received.body}`] : []),
  ])
  if (outcome !== 'delivered') process.exitCode = 1
}
