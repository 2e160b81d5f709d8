// Ten thousand tenants, each with one webhook that sleeps, and one event for each at once, on a log
// of a month: how long until all have arrived, and what Postgres spends on it.

import { type Receiver, startReceiver } from '../bench/receiver.ts'
import { createSteady } from '../bench/steady.ts'
import { query } from '../kit/postgres.ts'
import type { Comparison } from './comparison.ts'
import { both, lineOf, migratedBy, type Name, postgresCpu, startSide } from './side.ts'

const TENANTS = 10_000
/** Others, woken first: then connections are open and plans are made. */
const WARM = 200
const DAYS = 30
const TIMEOUT_MS = 300_000

export const waking: Comparison = {
  name: 'waking',
  async run(programs, { serverUrl, rounds }) {
    const receiver = await startReceiver({ startsAnywhere: true })
    const cpu = await postgresCpu(serverUrl)
    const databases = await both(async (name) => {
      const url = await migratedBy(programs[name], serverUrl)
      await prepare(url, receiver.url)
      return url
    })
    const seconds: Record<Name, number[]> = { before: [], after: [] }
    const costs: Record<Name, number[]> = { before: [], after: [] }
    for (let round = 0; round < rounds; round++) {
      for (const name of ['before', 'after'] as const) {
        // One at a time: the sweeps of the other would be measured along.
        const side = await startSide(programs[name], databases[name], ['work', 'serve'])
        try {
          await wakeAll(side.url, receiver, round, tenantsOf('warm', WARM))
          const [used, started] = [cpu(), performance.now()]
          await wakeAll(side.url, receiver, round, tenantsOf('tenant', TENANTS))
          seconds[name].push(performance.now() - started)
          costs[name].push((cpu() - used) / TENANTS)
        } finally {
          await side.stop()
        }
      }
    }
    await receiver.stop()
    return [
      lineOf(`one event for each of ${TENANTS} sleeping webhooks`, 'ms', seconds),
      lineOf('its Postgres CPU, with publishing', 'µs/event', costs),
    ]
  },
}

const tenantsOf = (word: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${word}-${i}`)

/** The partitions of past days, and a webhook for each tenant. */
async function prepare(url: string, receiverUrl: string): Promise<void> {
  await query(
    url,
    `select create_partition(log, (now() at time zone 'UTC')::date - day, 1)
    from unnest(array['event', 'receipt', 'attempt']::regclass[]) as log,
      generate_series(1, $1::integer) as day`,
    [DAYS],
  )
  await query(
    url,
    `select register_consumer(
      tenant, 'integration', 'webhook',
      jsonb_build_object(
        'integration_type', 'permanent',
        'callback_parameters', jsonb_build_object('callback_url', $2 || '/' || tenant)
      ),
      'running', 'integration_started', 'compare', 'All at once.', null, null, 10
    )
    from unnest($1::text[]) as tenant`,
    [[...tenantsOf('warm', WARM), ...tenantsOf('tenant', TENANTS)], receiverUrl],
  )
  await query(url, 'analyze')
}

/** Publishes an event for each; resolves when all have arrived, once each. */
async function wakeAll(
  url: string,
  receiver: Receiver,
  round: number,
  tenants: string[],
): Promise<void> {
  await receiver.reset()
  const steady = createSteady(url, { entities: 1, firstEntity: round })
  await Promise.all(tenants.map((tenant) => steady.publish(tenant)))
  await receiver.reached(tenants.length, TIMEOUT_MS)
  const { repeated } = await receiver.report()
  if (repeated > 0) throw new Error(`${repeated} events arrived twice.`)
}
