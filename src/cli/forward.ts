// millrace listen --forward: sends events of the log to a server of a developer, signed as Millrace
// signs webhooks. It needs no public address, and registers nothing.

import { setTimeout as sleep } from 'node:timers/promises'
import { bodyText } from '../destination/body.ts'
import { newSigningSecret, sign, signingKey } from '../destination/sign.ts'
import { printable } from '../input/printable.ts'
import { faultOfUrl } from '../input/url.ts'
import { createClient, UsageError } from './client.ts'
import type { CommonOptions, Surroundings } from './client-command.ts'
import { type FilterOptions, filterQuery } from './event-filter.ts'
import { followLog } from './follow-log.ts'
import type { ForwardTable, Sent } from './forward-table.ts'
import { accessOf } from './profile.ts'
import { timeOfOption } from './time.ts'

const PAYLOAD = ',"payload":'
const ANSWER_MS = 30_000
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 10_000

export type ForwardOptions = CommonOptions & FilterOptions & { from?: string; secret?: string }

/** Sends events until a signal. Throws a UsageError if an option is wrong. */
export async function forward(
  url: string,
  options: ForwardOptions,
  surroundings: Surroundings,
  table: ForwardTable,
): Promise<void> {
  const fault = faultOfUrl(url)
  if (fault) throw new UsageError(`The URL of --forward ${fault}.`)
  const secret = options.secret ?? newSigningSecret()
  if (!secret.startsWith('whsec_')) throw new UsageError('--secret must begin with whsec_.')
  const { config, note } = surroundings
  const after = options.from && Date.parse(timeOfOption('--from', options.from)) * 1_000 - 1
  const access = accessOf(config, options)
  const { tenant } = access
  if (!tenant) throw new UsageError('Name the tenant: --tenant, MILLRACE_TENANT or millrace login.')
  const ending = new AbortController()
  const { signal } = ending
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ending.abort())
  const post = createPost(url, secret, tenant)
  let isConnected = false
  await followLog(createClient(access), {
    query: filterQuery(options),
    after: after === '' ? undefined : after,
    signal,
    onConnected() {
      if (isConnected) return
      isConnected = true
      if (!options.secret) note(`The signing secret: ${secret}`)
      note(`Forwarding to ${url}, Ctrl-C to end`)
    },
    async onEvent(line) {
      let pauseMs = FIRST_PAUSE_MS
      while (!signal.aborted) {
        const sent = await post(line, signal)
        table.add(sent)
        if (sent.isDone) return
        await sleep(pauseMs, undefined, { signal }).catch(() => {})
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
      }
    },
    onPosition: () => !signal.aborted,
    onEnd(reason) {
      table.clear()
      note(`${printable(reason)}: again in a moment`)
    },
  }).finally(() => table.clear())
}

type Logged = {
  position: number
  published_at: string
  name: string
  entity_id: string
  idempotency_key: string
}

/** Sends an event, given as its line of the log. */
function createPost(url: string, secret: string, tenant: string) {
  const keys = [signingKey(secret)]
  return async (line: string, signal: AbortSignal): Promise<Sent> => {
    const event: Logged = JSON.parse(line)
    const { name, position, published_at: publishedAt } = event
    // The first one: within a string its quotation marks would be escaped.
    const payload = line.slice(line.indexOf(PAYLOAD) + PAYLOAD.length, -1)
    const body = Buffer.from(bodyText({ tenant, name, publishedAt, payload }))
    const id = `msg_${tenant}_${position}`
    const timestamp = String(Math.floor(Date.now() / 1_000))
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': sign(keys, id, timestamp, body),
      'idempotency-key': Buffer.from(event.idempotency_key).toString('latin1'),
      'millrace-position': String(position),
    }
    const { published_at, entity_id } = event
    const head = { position, published_at, name, entity_id }
    const started = performance.now()
    const tookMs = () => Math.round(performance.now() - started)
    try {
      const both = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)])
      const request = { method: 'POST', headers, body, signal: both }
      const answer = await fetch(url, { ...request, redirect: 'manual' })
      await answer.body?.cancel()
      const { status } = answer
      const isDone = answer.ok || status === 400
      return { ...head, status, duration_ms: tookMs(), reason: null, isDone }
    } catch (error) {
      const cause = (error as Error).cause as Error | undefined
      const reason = cause?.message || (error as Error).message
      return { ...head, status: null, duration_ms: tookMs(), reason, isDone: false }
    }
  }
}
