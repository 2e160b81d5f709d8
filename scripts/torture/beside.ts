// Replays beside a live stream, over the API: an integration whose own filter takes nothing, and a
// replay of it with a filter of its own. It completes, or is cancelled in the middle; then the
// integration goes, since a tenant has only ten.

import { setTimeout as sleep } from 'node:timers/promises'
import { positionOf } from '../../src/log/position.ts'
import { EVENTSTREAM } from '../kit/client.ts'
import type { Destination } from './destination.ts'
import type { Filter } from './event.ts'
import { type IntegrationServices, type Replay, register, stop } from './integrations.ts'
import { createLedger } from './ledger.ts'

const NOTHING: Filter = { event_filter: ['nothing.published'] }
const FILTER: Filter = { entity_filter: ['order', 'customer'] }
/** Events a second of one that is cancelled, so that it is busy then. */
const SLOW_RATE = 40
/** After this long, a request without an answer starts nothing any more. */
const LATE_MS = 15_000
const POLL_MS = 100
/** How long this waits for the end; later the drain waits for it. */
const PATIENCE_MS = 20_000

/**
 * Replays the events since a moment, and cancels that after `cancelAfterMs`, unless it is
 * undefined. Resolves when the replay has ended, or after a while.
 */
export async function replayBeside(
  kind: Destination,
  services: IntegrationServices,
  options: { id: string; fromMs: number; cancelAfterMs: number | undefined },
  began: (replay: Replay) => void,
): Promise<void> {
  const { id, fromMs, cancelAfterMs } = options
  const { client } = services
  const ledger = createLedger(id, FILTER, services)
  const target = await kind.startTarget({ ...services, ledger, character: 'steady' })
  await register(services, id, { integration_type: 'permanent' }, { filter: NOTHING }, target)
  // Stopped, so that nothing leaves before its range is known.
  await stop(client, id)
  const path = `/${id}/replays`
  const rate = cancelAfterMs === undefined ? undefined : SLOW_RATE
  const { number, from, to } = await start(services, path, { fromMs, rate })
  const range = { from: positionOf(from) as number, through: positionOf(to) as number }
  const replay: Replay = { id, character: 'steady', ledger, target, ...range, number }
  began(replay)
  await client.configure('POST', `/${id}/_start`)
  if (cancelAfterMs !== undefined) {
    await sleep(cancelAfterMs)
    const { status, body } = await client.configure('DELETE', `${path}/${number}`)
    // From now on nothing may arrive.
    if (body['state'] === 'cancelled') ledger.stopAnswered()
    replay.isCancelled = status === 200
  }
  const until = Date.now() + PATIENCE_MS
  for (let state = ''; !['completed', 'cancelled'].includes(state); ) {
    if (Date.now() > until) return
    await sleep(POLL_MS)
    state = String((await client.configure('GET', `${path}/${number}`)).body['state'])
  }
  await client.configure('DELETE', `/${id}`)
}

type Started = { number: number; from: string; to: string }

/** The one replay that is started, however many requests had no answer. */
async function start(
  { client }: IntegrationServices,
  path: string,
  { fromMs, rate }: { fromMs: number; rate: number | undefined },
): Promise<Started> {
  const from = new Date(fromMs).toISOString()
  const to = '2100-01-01T00:00:00Z'
  const body = JSON.stringify({ from, to, filter_conditions: FILTER, rate })
  for (;;) {
    const answer = await client.send(EVENTSTREAM + path, { body, timeoutMs: LATE_MS, pick: 0 })
    if (answer?.status !== 201) await sleep(LATE_MS)
    const list = await client.configure('GET', path)
    const [first, ...others] = (list.body['replays'] as Started[]).toReversed()
    for (const { number } of others) await client.configure('DELETE', `${path}/${number}`)
    if (first) return first
  }
}
