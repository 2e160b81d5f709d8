// A service and a receiver that refuses chosen events, for tests of the end of replays and
// integrations. Each tenant has one integration, "again", whose id is used again.

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll } from 'vitest'
import { call, EVENTSTREAM, publish, register } from '../../scripts/kit/client.ts'
import { type Receiver, startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from './database.ts'
import { type Service, startService } from './service.ts'

/** Starts them for the whole file. */
export function useRefusals(settings: Record<string, string> = {}) {
  const database = useDatabase()
  /** Positions answered with 400. */
  const refused = new Set<number>()
  /** Positions answered with 503. */
  const failing = new Set<number>()
  const start = () =>
    startService('start', {
      DATABASE_URL: database.url,
      MILLRACE_RETRY_BASE_MS: '2',
      MILLRACE_SWEEP_MS: '100',
      MILLRACE_LEASE_MS: '700',
      ...settings,
    })
  const stage = {
    database,
    refused,
    failing,
    start,
    tenantWith,
    service: undefined as unknown as Service,
    receiver: undefined as unknown as Receiver,
  }
  beforeAll(async () => {
    stage.receiver = await startReceiver(({ position }, response) =>
      response
        .writeHead(failing.has(position) ? 503 : refused.has(position) ? 400 : 200)
        .end('Answered.'),
    )
    stage.service = await start()
  })
  afterAll(() => Promise.all([stage.service.kill('SIGTERM'), stage.receiver.close()]))
  return stage

  /** A tenant with `count` events, of which the receiver refuses the first `rejecting`. */
  async function tenantWith(count: number, rejecting: number) {
    const tenant = `t-${randomUUID().slice(0, 8)}`
    const starts_at = new Date(Date.now() - 1_000).toISOString()
    const positions: number[] = []
    for (let i = 0; i < count; i++) {
      const event = { key: randomUUID(), entityId: `o-${i}`, payload: '{"n":1}', tenant }
      positions.push((await publish(stage.service.url, event)).body.position)
    }
    for (const position of positions.slice(0, rejecting)) refused.add(position)
    const ends_at = new Date(
      Math.ceil((positions.at(-1) ?? Date.now() * 1000) / 1000),
    ).toISOString()
    const on = (action: string, method = 'GET', token?: string) =>
      call(`${stage.service.url}${EVENTSTREAM}/again${action}`, {
        method,
        headers: { tenant },
        ...(token === undefined ? {} : { token }),
      })
    const logs = async () =>
      (await on('/logs')).body['entries'] as { action: string; reason: string }[]
    const events = async () =>
      (await on('/rejected_events')).body['rejected_events'] as { id: string; position: number }[]
    return {
      tenant,
      positions,
      on,
      logs,
      events,
      replay: () => {
        const dates = { integration_type: 'temporary', starts_at, ends_at }
        return register(stage.service.url, 'again', stage.receiver.url, dates, tenant)
      },
      permanent: (more: object = {}) =>
        register(stage.service.url, 'again', stage.receiver.url, { starts_at, ...more }, tenant),
      isGone: () => until('it is gone', async () => (await on('')).status === 404),
      /** Stopped at its end, and not only on its way: the entry says so. */
      waits: () =>
        until('it waits', async () =>
          (await logs()).find(
            ({ action, reason }) =>
              action === 'integration_stopped' && /completes when/.test(reason),
          ),
        ),
      completions: async () =>
        (
          await stage.database.pool.query(
            `select reason from config_log where tenant = $1 and action = 'integration_completed'
             order by position`,
            [tenant],
          )
        ).rows.map(({ reason }) => reason),
    }
  }
}
