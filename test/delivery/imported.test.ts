// Imported events (`live: false`): live streams pass over them, replays send them, and
// the audits say so.

import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { publish, register } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { asRole } from '../helpers/postgres.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'
import { published, rowsOf } from '../sql/rows.ts'

const database = useDatabase()
const live = useReceiver()
const replayed = useReceiver()
const service = useService('start', database, () => ({ MILLRACE_SWEEP_MS: '100' }))
const { on, ask } = api(service)
const names = (receiver: typeof live) =>
  receiver.received.map(({ headers }) => headers['idempotency-key'])
const imported = { headers: { live: 'false' } }

async function put(key: string, more: Partial<Parameters<typeof publish>[1]> = {}) {
  const reply = await publish(service.url, { key, payload: '{}', ...more })
  expect(reply.status).toBe(201)
  return reply.body
}

const statesOf = async (integration: string, from: string) =>
  published(
    await rowsOf(
      asRole(database.url, 'auditor'),
      ...['audit/undelivered', 'tenant=dodici', `integration=${integration}`],
      ...[`from=${from}`, `to=${new Date(Date.now() + 60_000).toISOString()}`],
    ),
  ).map(({ state, why }) => ({ state, why }))

describe('an imported event', () => {
  it('is passed over by a live integration, with and without a filter, and audited so', async () => {
    const from = new Date().toISOString()
    await register(service.url, 'live', live.url)
    await register(service.url, 'orders', live.url, {
      filter_conditions: { event_filter: ['order.created'] },
    })
    await put('first')
    const { published_at } = await put('old', imported)
    await put('last')
    await until('both have the last one', () => names(live).filter((key) => key === 'last')[1])
    expect(names(live)).not.toContain('old')
    await until('the step is written', async () => (await statesOf('live', from)).length === 1)
    expect(await statesOf('live', from)).toEqual([
      { state: 'filtered_out', why: expect.stringContaining('imported') },
    ])
    const [proof] = await rowsOf(
      asRole(database.url, 'auditor'),
      ...['audit/proof-of-delivery', 'tenant=dodici', 'integration=live', `from=${from}`],
      `to=${new Date(Date.now() + 60_000).toISOString()}`,
    )
    // The alert that the other one has started.
    expect(proof).toMatchObject({ filtered_out: 2, delivered: 2, passed: 2 })

    // A replay of the same time sends all three, in order.
    await register(service.url, 'replay', replayed.url, {
      integration_type: 'temporary',
      starts_at: from,
      ends_at: published_at,
    })
    await until('it has ended', async () => (await on('replay')).status === 404)
    expect(names(replayed)).toEqual(['first', 'old'])
    expect(await statesOf('replay', from)).toMatchObject([{ state: 'after_its_end' }])
  })

  it('is not counted as lag, and may be collected; its name is a known type', async () => {
    await on('live', '/_stop', 'POST')
    await put('waits')
    await put('old-2', { name: 'old.counted', ...imported })
    const collected = {
      entity_id: 'c-1',
      entity_name: 'OLD',
      event_payload: { operation: 'COLLECT' },
      event_source: 'APPLICATION',
      event_type: 'ENTITY_EVENT',
      id: 'old-3',
    }
    const reply = await ask('POST', '/api/v1/events', collected, imported.headers)
    expect(reply.status).toBe(201)
    expect((await on('live', '/stats')).body).toMatchObject({ lag_events: 1 })
    const types = JSON.stringify((await ask('GET', '/event-types')).body)
    expect(types).toContain('old.counted')
    expect(types).toContain('old.collect')
  })

  it('is refused with another value of `live`', async () => {
    const headers = { live: 'no' }
    const reply = await publish(service.url, { key: randomUUID(), payload: '{}', headers })
    expect(reply).toMatchObject({ status: 400, body: { details: [{ field: 'live' }] } })
  })
})
