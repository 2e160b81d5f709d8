// Publishes one event a request through the whole service. It is compared with the same app without
// a database, which nothing can beat, and with the obvious first version, an INSERT a request.

import { ADMIN_TOKEN } from '../kit/client.ts'
import { byTurns, median } from '../kit/measure.ts'
import { query } from '../kit/postgres.ts'
import { type Remote, startRemote } from '../kit/remote.ts'
import { launch } from './process.ts'
import type { Front } from './publish-front.ts'
import type { Load, LoadResult } from './publish-load.ts'
import { compare, type Line, memoryLine, type Scenario, type Size } from './scenario.ts'
import type { Stage } from './stage.ts'
import { expectStored } from './stored.ts'

const CONNECTIONS = 64
/** Something must be published, however busy the machine is. */
const LEAST_RATE = 50
const RIVAL = 'one INSERT a request, pool of 20'
/** A slower disk, and enough publishers to make shared commits worth while. */
const SLOW_COMMIT_US = 2_000
const SLOW_CONNECTIONS = 256

const sizes = {
  full: { rounds: 9, ms: 700, warmMs: 150, warmUpMs: 4_000 },
  smoke: { rounds: 1, ms: 1_500, warmMs: 50, warmUpMs: 100 },
}

/** The rival's table: the columns of the log, a key, and a unique index for idempotency keys. */
const PLAIN_TABLE = `
  create table plain_event (
    position bigint generated always as identity primary key,
    published_at timestamptz not null default now(),
    tenant text not null,
    name text not null,
    entity_id text not null,
    idempotency_key text not null,
    team text not null,
    service text not null,
    correlation_ids jsonb not null,
    payload json not null,
    unique (tenant, name, idempotency_key)
  )`

export const publish: Scenario = {
  name: 'publish',
  async run(stage, size) {
    const load = await startRemote('bench/publish-load.ts')
    try {
      const lines = await atThisDisk(stage, size, load)
      return [...lines, ...(await atSlowCommits(stage, size, load))]
    } finally {
      await load.stop()
    }
  },
}

/** A contender: its load, and its answers so far. */
type Contender = { run(more?: Partial<Load>): Promise<LoadResult>; results: LoadResult[] }

async function atThisDisk(stage: Stage, size: Size, load: Remote): Promise<Line[]> {
  const { rounds } = sizes[size]
  const database = await stage.database('publish')
  const rivalDatabase = await stage.database('publish_rival')
  await query(rivalDatabase.url, PLAIN_TABLE)
  const [service, [ceilingFront, ceilingUrl], [rivalFront, rivalUrl]] = await Promise.all([
    launch('serve', database.url),
    startFront('ceiling', rivalDatabase.url),
    startFront('rival', rivalDatabase.url),
  ])
  try {
    const memoryAtRest = service.memoryMiB()
    const ours = contender(load, size, service.url, CONNECTIONS)
    const ceiling = contender(load, size, ceilingUrl, CONNECTIONS)
    const rival = contender(load, size, rivalUrl, CONNECTIONS)
    const rates = await inTurn(size, { ours, ceiling, rival })
    const rate = Math.max(LEAST_RATE, median(rates.ours) / 2)
    const half: LoadResult[] = []
    for (let round = 0; round < rounds; round++) half.push(await ours.run({ rate }))

    await expectStored(database.url, 'event', half.at(-1)?.published)
    await expectStored(rivalDatabase.url, 'plain_event', rival.results.at(-1)?.published)
    const what = `publish, one event a request, ${CONNECTIONS} connections`
    return [
      compare(
        what,
        rates.ours,
        { what: 'the same app, no database', runs: rates.ceiling },
        '≥ 0.5',
      ),
      compare(what, rates.ours, { what: RIVAL, runs: rates.rival }, '≥ 1.6'),
      latencyLine('publish, p50 at full load', ours.results, 'p50'),
      latencyLine('publish, p99 at full load', ours.results, 'p99'),
      latencyLine('publish, p50 at half load', half, 'p50'),
      { ...latencyLine('publish, p99 at half load', half, 'p99'), goal: '≤ 20' },
      memoryLine('serve, at rest', memoryAtRest),
      memoryLine('serve, peak of publishing', service.peakMemoryMiB()),
    ]
  } finally {
    await Promise.all([service.stop(), ceilingFront.stop(), rivalFront.stop()])
    await Promise.all([database.drop(), rivalDatabase.drop()])
  }
}

async function atSlowCommits(stage: Stage, size: Size, load: Remote): Promise<Line[]> {
  const database = await stage.database('publish_slow', SLOW_COMMIT_US)
  const rivalDatabase = await stage.database('publish_slow_rival', SLOW_COMMIT_US)
  await query(rivalDatabase.url, PLAIN_TABLE)
  const [service, [rivalFront, rivalUrl]] = await Promise.all([
    launch('serve', database.url),
    startFront('rival', rivalDatabase.url),
  ])
  try {
    const ours = contender(load, size, service.url, SLOW_CONNECTIONS)
    const rival = contender(load, size, rivalUrl, SLOW_CONNECTIONS)
    const rates = await inTurn(size, { ours, rival })
    await expectStored(database.url, 'event', ours.results.at(-1)?.published)
    await expectStored(rivalDatabase.url, 'plain_event', rival.results.at(-1)?.published)
    const what = `publish, 2 ms commits, ${SLOW_CONNECTIONS} connections`
    return [compare(what, rates.ours, { what: RIVAL, runs: rates.rival }, '≥ 2.3')]
  } finally {
    await Promise.all([service.stop(), rivalFront.stop()])
    await Promise.all([database.drop(), rivalDatabase.drop()])
  }
}

async function startFront(
  kind: Front['kind'],
  databaseUrl: string,
): Promise<[front: Remote, url: string]> {
  const front = await startRemote('bench/publish-front.ts')
  const options: Front = { kind, databaseUrl, adminToken: ADMIN_TOKEN }
  return [front, await front.call<string>('serve', options)]
}

/** A contender at `url`, under a load of `connections` connections. */
function contender(load: Remote, size: Size, url: string, connections: number): Contender {
  const { ms, warmMs } = sizes[size]
  const results: LoadResult[] = []
  return {
    results,
    run: (more) => load.call('run', { url, token: ADMIN_TOKEN, connections, ms, warmMs, ...more }),
  }
}

/** Requests a second of each, in alternation, after a warm-up of each. */
async function inTurn<Name extends string>(
  size: Size,
  contenders: Record<Name, Contender>,
): Promise<Record<Name, number[]>> {
  const { rounds, warmUpMs } = sizes[size]
  for (const { run } of Object.values<Contender>(contenders)) await run({ ms: warmUpMs })
  const turns = Object.entries<Contender>(contenders).map(([name, { run, results }]) => [
    name,
    async () => {
      const result = await run()
      results.push(result)
      return result.perSecond
    },
  ])
  return byTurns(rounds, Object.fromEntries(turns))
}

function latencyLine(what: string, results: LoadResult[], quantile: 'p50' | 'p99'): Line {
  const runs = results.map((result) => result[quantile])
  return { what, figure: median(runs), unit: 'ms', runs }
}
