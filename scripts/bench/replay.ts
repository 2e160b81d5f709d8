// Replays half a million events over the API while others are published: the count beforehand, the
// speed of the replay, its effect on live events, and the time that a cancellation takes.

import { call, EVENTSTREAM, register } from '../kit/client.ts'
import { median, quantile } from '../kit/measure.ts'
import { query } from '../kit/postgres.ts'
import { payloadOf, TENANT } from './events.ts'
import { type Launched, launch } from './process.ts'
import { expectWhole, type Receiver, startReceiver } from './receiver.ts'
import { compare, type Line, memoryLine, type Scenario } from './scenario.ts'
import { createSteady, type Steady } from './steady.ts'

const RATE = 200
const ENTITIES = 1_000
const LIVE_ENTITIES = 100
const LIVE = '/live'
const HOUR_MS = 3_600_000
/** The age of the oldest event, and the end of the replay. */
const OLDEST_MS = 48 * HOUR_MS
const NEWEST_MS = HOUR_MS
const TIMEOUT_MS = 30_000

const sizes = {
  full: { events: 500_000, rounds: 3, ms: 2_500 },
  smoke: { events: 5_000, rounds: 1, ms: 300 },
}

type Cast = { service: Launched; receiver: Receiver; steady: Steady }

export const replay: Scenario = {
  name: 'replay',
  async run(stage, size) {
    const { events, rounds, ms } = sizes[size]
    const database = await stage.database('replay')
    const now = Date.now()
    const range = { from: now - OLDEST_MS, to: now - NEWEST_MS }
    await fillPast(database.url, events, range)
    const [service, worker, receiver] = await Promise.all([
      launch('serve', database.url),
      launch('work', database.url),
      startReceiver({ keepLatencies: true }),
    ])
    const steady = createSteady(service.url, { entities: LIVE_ENTITIES, firstEntity: ENTITIES })
    const cast: Cast = { service, receiver, steady }
    try {
      await register(service.url, 'live', receiver.url + LIVE)
      await live(cast, ms / 2)
      const without: number[] = []
      const withReplay: number[] = []
      const rates: number[] = []
      const counts: number[] = []
      const cancels: number[] = []
      for (let round = 0; round < rounds; round++) {
        without.push(await live(cast, ms))
        const done = await replayMeanwhile(cast, { range, events }, `replay-${round}`, ms)
        withReplay.push(done.p99)
        rates.push(done.rate)
        counts.push(done.countMs)
        cancels.push(done.cancelMs)
      }
      await expectWhole(receiver, { path: LIVE, count: steady.published() })
      return [
        compare(
          `replay of ${events.toLocaleString('en')} events by date`,
          rates,
          { what: 'live meanwhile', runs: rates.map(() => RATE) },
          '≥ 5',
        ),
        {
          ...compare(
            `publish to delivered, ${RATE} events/s, p99 beside the replay`,
            withReplay,
            { what: 'the same without a replay', runs: without },
            '≤ 1.5',
          ),
          unit: 'ms',
        },
        timeLine(`a count of ${events.toLocaleString('en')} events beforehand`, counts, '≤ 1500'),
        timeLine('a cancellation, until no request leaves', cancels, '≤ 1000'),
        memoryLine('work, peak of the replay', worker.peakMemoryMiB()),
      ]
    } finally {
      await Promise.all([service.stop(), worker.stop(), receiver.stop()])
      await database.drop()
    }
  },
}

/** The p99 of events that are published at the steady rate; each of them arrives. */
async function live({ receiver, steady }: Cast, ms: number): Promise<number> {
  const before = steady.published()
  await steady.flow({ rate: RATE, ms })
  await receiver.reached(steady.published(), TIMEOUT_MS, LIVE)
  const { latenciesMs } = await receiver.report(LIVE)
  return quantile(latenciesMs.slice(before), 0.99)
}

type Range = { from: number; to: number }

/** Medians of times, with a goal for each. */
function timeLine(what: string, runs: number[], goal: string): Line {
  return { what, figure: median(runs), unit: 'ms', goal, runs }
}

type Done = { p99: number; rate: number; countMs: number; cancelMs: number }

/**
 * The same while the range is replayed to an integration that is made for it, and whose own filter
 * takes no live event.
 */
async function replayMeanwhile(
  cast: Cast,
  { range, events }: { range: Range; events: number },
  id: string,
  ms: number,
): Promise<Done> {
  const { service, receiver } = cast
  const path = `/${id}`
  const filter_conditions = { event_filter: ['nothing.published'] }
  await register(service.url, id, receiver.url + path, { filter_conditions })
  const url = `${service.url}${EVENTSTREAM}/${id}/replays`
  const body = JSON.stringify({
    from: new Date(range.from).toISOString(),
    to: new Date(range.to).toISOString(),
    filter_conditions: { event_filter: ['order.created'] },
  })
  const asked = performance.now()
  const plan = await call(`${url}?dry_run=true`, { body })
  const countMs = performance.now() - asked
  if (!plan.body['is_estimate'] && plan.body['events'] !== events) {
    throw new Error(`It counted ${JSON.stringify(plan.body)}, not ${events}.`)
  }
  await call(url, { body })
  await receiver.reached(1, TIMEOUT_MS, path)
  const begin = await receiver.sample(path)
  const p99 = await live(cast, ms)
  const end = await receiver.sample(path)
  const cancelled = performance.now()
  const { body: record } = await call(`${url}/1`, { method: 'DELETE' })
  const cancelMs = performance.now() - cancelled
  const { distinct } = await receiver.report(path)
  if (record['state'] !== 'cancelled' || record['delivered'] !== distinct) {
    throw new Error(`${distinct} have arrived, and the replay says ${JSON.stringify(record)}.`)
  }
  // Cut off in the middle: the arrivals are the beginning of the range, without a gap.
  await expectWhole(receiver, { path })
  const rate = ((end.count - begin.count) * 1000) / (end.atMs - begin.atMs)
  return { p99, rate, countMs, cancelMs }
}

/** Events as if they had been published evenly in the range. */
async function fillPast(url: string, events: number, range: Range): Promise<void> {
  await query(
    url,
    `select create_partition('event', day::date, 1)
    from generate_series(to_timestamp($1 / 1000.0), now(), interval '1 day') as day`,
    [range.from],
  )
  const stepUs = ((range.to - range.from) * 1000) / events
  const text = `
    insert into event (
      tenant, position, name, entity_id, idempotency_key, team, service, correlation_ids,
      payload_bytes, payload
    )
    select
      $1, $2::bigint + (i * $3::float8)::bigint, 'order.created', 'order-' || i % ${ENTITIES},
      i % ${ENTITIES} || ':' || i / ${ENTITIES}, 'team-orders', 'shop', '{}',
      octet_length($4), $4::json
    from generate_series(0, $5::integer - 1) as i`
  const payload = payloadOf(0).toString()
  await query(url, text, [TENANT, range.from * 1000, stepUs, payload, events])
}
