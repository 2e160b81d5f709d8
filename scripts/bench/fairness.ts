// A thousand integrations of two hundred tenants on one worker: the effect on the others of one
// that is flooded and of ten with dead targets.

import { setTimeout as sleep } from 'node:timers/promises'
import { call, EVENTSTREAM } from '../kit/client.ts'
import { median, quantile } from '../kit/measure.ts'
import { query } from '../kit/postgres.ts'
import { fill } from './events.ts'
import { type Launched, launch } from './process.ts'
import { expectWhole, type Receiver, startReceiver } from './receiver.ts'
import { compare, memoryLine, type Scenario } from './scenario.ts'
import { createSteady, type Steady } from './steady.ts'

const DEAD = 10
const FLOODED = 'flooded'
/** Published by the tenants one after the other; each event goes to its tenant's integrations. */
const RATE = 80
const ENTITIES = 20
const TIMEOUT_MS = 30_000
/** The flooded target is just slow enough for the flood to last. */
const FLOODED_LATENCY_MS = 3
/** New events for the flooded one during its backlog. */
const TRICKLE = { events: 100, everyMs: 250 }

const sizes = {
  full: {
    tenants: 200,
    integrations: 1_000,
    backlog: 100_000,
    rounds: 5,
    /** In this time every tenant publishes once, before it counts. */
    leadMs: 1_000,
    ms: 2_500,
  },
  smoke: { tenants: 20, integrations: 100, backlog: 500, rounds: 1, leadMs: 100, ms: 300 },
}

type Cast = { normal: Receiver; troubled: Receiver; service: Launched; steady: Steady }

export const fairness: Scenario = {
  name: 'fairness',
  async run(stage, size) {
    const { backlog, rounds, leadMs, ms } = sizes[size]
    const database = await stage.database('fairness')
    const [service, worker, normal, troubled] = await Promise.all([
      launch('serve', database.url),
      launch('work', database.url),
      startReceiver({ keepLatencies: true, startsAnywhere: true }),
      startReceiver({ latencyMs: FLOODED_LATENCY_MS }),
    ])
    const steady = createSteady(service.url, { entities: ENTITIES })
    const cast: Cast = { normal, troubled, service, steady }
    try {
      const registered = await registerAll(database.url, cast, sizes[size])
      const memoryAtRest = worker.memoryMiB()
      const round = () => measured(cast, registered, { leadMs, ms })
      await command(cast, 'stop', registered.troubles)
      // All of it beforehand: Postgres's writes for it must not be measured.
      let flood = 0
      const floodMore = async (count: number) => {
        await fill(database.url, count, { entities: ENTITIES, tenant: FLOODED, from: flood })
        flood += count
      }
      await floodMore(backlog)
      await query(database.url, 'checkpoint')
      await round() // everybody's connections; the compiler
      const without: number[] = []
      const withTrouble: number[] = []
      const floodRates: number[] = []
      for (let turn = 0; turn < rounds; turn++) {
        without.push(await round())
        await command(cast, 'start', registered.troubles)
        const before = await troubled.sample(`/${FLOODED}`)
        const [p99] = await Promise.all([round(), trickle(floodMore, leadMs + ms)])
        const after = await troubled.sample(`/${FLOODED}`)
        if (size === 'full' && after.count >= flood) throw new Error('The backlog was too short.')
        floodRates.push(((after.count - before.count) * 1000) / (after.atMs - before.atMs))
        withTrouble.push(p99)
        await command(cast, 'stop', registered.troubles)
      }
      await command(cast, 'start', [{ tenant: FLOODED, id: FLOODED }])
      await troubled.reached(flood, TIMEOUT_MS, `/${FLOODED}`)
      await expectWhole(troubled, { path: `/${FLOODED}`, count: flood })
      return [
        {
          ...compare(
            'publish to delivered, p99 beside a flood and ten dead targets',
            withTrouble,
            { what: 'the same without those', runs: without },
            '≤ 1.5',
          ),
          unit: 'ms',
        },
        {
          what: 'delivery to the flooded one meanwhile',
          figure: median(floodRates),
          unit: 'events/s',
          runs: floodRates,
        },
        memoryLine(`work, ${registered.count} integrations, at rest`, memoryAtRest),
        memoryLine('work, peak of the flood', worker.peakMemoryMiB()),
      ]
    } finally {
      await Promise.all([service.stop(), worker.stop(), normal.stop(), troubled.stop()])
      await database.drop()
    }
  },
}

type Registered = {
  count: number
  /** Tenants with normal integrations, and how many each has. */
  normal: Map<string, number>
  /** The flooded integration and the dead ones. */
  troubles: { tenant: string; id: string }[]
}

/** In one statement: over the API a thousand would take as long as the scenario. */
async function registerAll(
  url: string,
  { normal, troubled }: Cast,
  { tenants, integrations }: { tenants: number; integrations: number },
): Promise<Registered> {
  const registered: Registered = { count: integrations, normal: new Map(), troubles: [] }
  const rows: { tenant: string; id: string; url: string }[] = []
  const add = (tenant: string, id: string, callbackUrl: string) => {
    rows.push({ tenant, id, url: callbackUrl })
  }
  add(FLOODED, FLOODED, `${troubled.url}/${FLOODED}`)
  registered.troubles.push({ tenant: FLOODED, id: FLOODED })
  for (let i = 0; rows.length < integrations; i++) {
    const tenant = `tenant-${i % (tenants - 1)}`
    if (i < DEAD) {
      add(tenant, 'dead', `${troubled.url}/dead/${i}`)
      registered.troubles.push({ tenant, id: 'dead' })
    } else {
      add(tenant, `normal-${i}`, `${normal.url}/${i}`)
      registered.normal.set(tenant, (registered.normal.get(tenant) ?? 0) + 1)
    }
  }
  await query(
    url,
    `select register_consumer(
      tenant, 'integration', id,
      jsonb_build_object(
        'integration_type', 'permanent',
        'callback_parameters', jsonb_build_object('callback_url', url)
      ),
      'running', 'integration_started', 'bench', 'A thousand at once.', null, null, 10
    )
    from unnest($1::text[], $2::text[], $3::text[]) as given (tenant, id, url)`,
    [rows.map(({ tenant }) => tenant), rows.map(({ id }) => id), rows.map((row) => row.url)],
  )
  return registered
}

/**
 * The p99 of the normal integrations over one round, after one event of every tenant: an
 * integration that was idle for seconds starts anew, which is not compared here. All events arrive.
 */
async function measured(
  { normal, steady }: Cast,
  registered: Registered,
  { leadMs, ms }: { leadMs: number; ms: number },
): Promise<number> {
  const tenants = [...registered.normal.keys()]
  const flow = async (rate: number, flowMs: number) => {
    await normal.reset()
    const published = await steady.flow({ rate, ms: flowMs, tenants })
    let count = 0
    for (let i = 0; i < published; i++) {
      count += registered.normal.get(tenants[i % tenants.length] as string) as number
    }
    await normal.reached(count, TIMEOUT_MS)
    return expectWhole(normal, { count })
  }
  await flow((tenants.length * 1000) / leadMs, leadMs)
  const { latenciesMs } = await flow(RATE, ms)
  return quantile(latenciesMs, 0.99)
}

/** The flooded tenant goes on publishing a batch from time to time. */
async function trickle(floodMore: (count: number) => Promise<void>, ms: number): Promise<void> {
  for (const end = performance.now() + ms; performance.now() < end; ) {
    await floodMore(TRICKLE.events)
    await sleep(TRICKLE.everyMs)
  }
}

async function command(
  { service }: Cast,
  verb: 'start' | 'stop',
  troubles: Registered['troubles'],
): Promise<void> {
  await Promise.all(
    troubles.map(async ({ tenant, id }) => {
      const url = `${service.url}${EVENTSTREAM}/${id}/_${verb}`
      const { status, body } = await call(url, { method: 'POST', headers: { tenant } })
      if (status !== 200) throw new Error(`${id} did not ${verb}: ${JSON.stringify(body)}`)
    }),
  )
}
