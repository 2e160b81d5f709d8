// Replays half a million events by date while others are published: the speed of the replay, and
// its effect on live events.

import { call, EVENTSTREAM, register } from '../kit/client.ts'
import { quantile } from '../kit/measure.ts'
import { query } from '../kit/postgres.ts'
import { payloadOf, TENANT } from './events.ts'
import { type Launched, launch } from './process.ts'
import { expectWhole, type Receiver, startReceiver } from './receiver.ts'
import { compare, memoryLine, type Scenario } from './scenario.ts'
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
      for (let round = 0; round < rounds; round++) {
        without.push(await live(cast, ms))
        const { p99, rate } = await replayMeanwhile(cast, range, `replay-${round}`, ms)
        withReplay.push(p99)
        rates.push(rate)
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

/** The same while a temporary integration, made for it and removed again, replays the range. */
async function replayMeanwhile(
  cast: Cast,
  range: Range,
  id: string,
  ms: number,
): Promise<{ p99: number; rate: number }> {
  const { service, receiver } = cast
  const path = `/${id}`
  await register(service.url, id, receiver.url + path, {
    integration_type: 'temporary',
    starts_at: new Date(range.from).toISOString(),
    ends_at: new Date(range.to).toISOString(),
  })
  await receiver.reached(1, TIMEOUT_MS, path)
  const begin = await receiver.sample(path)
  const p99 = await live(cast, ms)
  const end = await receiver.sample(path)
  await call(`${service.url}${EVENTSTREAM}/${id}`, { method: 'DELETE' })
  // Cut off in the middle: the arrivals are the beginning of the range, without a gap.
  await expectWhole(receiver, { path })
  return { p99, rate: ((end.count - begin.count) * 1000) / (end.atMs - begin.atMs) }
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
