// Appending: order, idempotency, what the table refuses, and a clock that is wrong.

import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { onlyRow } from '../../src/db/only-row.ts'
import { typeParsers } from '../../src/db/types.ts'
import { appendEvents } from '../../src/log/append.ts'
import { useDatabase } from '../helpers/database.ts'
import { anEvent } from '../helpers/factory.ts'

const database = useDatabase()
const append = (...events: ReturnType<typeof anEvent>[]) => appendEvents(database.pool, events)
const count = async (where = 'true') =>
  Number((await database.pool.query(`select count(*) from event where ${where}`)).rows[0].count)

describe('append', () => {
  it('gives growing positions that are the time, in the order of the batch', async () => {
    const before = Date.now() * 1000
    const results = await append(...Array.from({ length: 300 }, () => anEvent()))
    const positions = results.map(({ position }) => position)
    expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b))
    expect(positions[0]).toBeGreaterThanOrEqual(before - 1000)
    expect(positions.at(-1)).toBeLessThan(Date.now() * 1000 + 1000)
  })

  it('answers a known key with the first position, and appends nothing', async () => {
    const event = anEvent()
    const [first] = await append(event)
    const [again] = await append(event)
    expect(first?.outcome).toBe('appended')
    expect(again).toEqual({ outcome: 'duplicate', position: first?.position })
    expect(await count(`idempotency_key = '${event.idempotencyKey}'`)).toBe(1)
  })

  it('refuses a known key with another payload, to the byte', async () => {
    const event = anEvent({ payload: Buffer.from('{"sum":25.080}') })
    const [first] = await append(event)
    const [again] = await append({ ...event, payload: Buffer.from('{"sum":25.08}') })
    expect(again).toEqual({ outcome: 'key_reused', position: first?.position })
  })

  it('tells keys apart within one batch', async () => {
    const event = anEvent()
    const other = { ...event, payload: Buffer.from('{"other":1}') }
    const results = await append(event, anEvent(), event, other)
    expect(results.map(({ outcome }) => outcome)).toEqual([
      'appended',
      'appended',
      'duplicate',
      'key_reused',
    ])
    expect(results[2]?.position).toBe(results[0]?.position)
    expect(await count(`idempotency_key = '${event.idempotencyKey}'`)).toBe(1)
  })

  it('keeps whether an event is live, which its duplicates do not change', async () => {
    const imported = anEvent({ live: false })
    const [first] = await append(imported)
    const results = await append(anEvent(), { ...imported, live: true }, anEvent({ live: false }))
    expect(results.map(({ outcome }) => outcome)).toEqual(['appended', 'duplicate', 'appended'])
    const [, again, second] = results
    expect(again?.position).toBe(first?.position)
    const { rows } = await database.pool.query(
      'select position from event where not live order by position',
    )
    expect(rows).toEqual([{ position: first?.position }, { position: second?.position }])
  })

  it('keeps the trace of an event, which its duplicates do not change', async () => {
    const traceOf = (n: number) => `00-${`${n}`.repeat(32)}-00f067aa0ba902b7-01`
    const traced = (n: number) => anEvent({ traceparent: traceOf(n) })
    const alone = traced(1)
    await append(alone)
    const again = { ...alone, traceparent: traceOf(4) }
    const results = await append(traced(2), anEvent(), again, traced(3))
    expect(results.map(({ outcome }) => outcome)).toEqual([
      ...['appended', 'appended', 'duplicate', 'appended'],
    ])
    const { rows } = await database.pool.query(
      'select traceparent from event where traceparent is not null order by position',
    )
    expect(rows.map(({ traceparent }) => traceparent)).toEqual([1, 2, 3].map(traceOf))
  })

  it('has keys per tenant and per name', async () => {
    const event = anEvent()
    const results = await append(
      event,
      { ...event, tenant: 'another' },
      { ...event, name: 'order.opened' },
    )
    expect(results.every(({ outcome }) => outcome === 'appended')).toBe(true)
  })

  it('finds a known key by probing, however many events the tenant has', async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 1, types: typeParsers })
    // Rows that were fetched by an index, as the one connection of the pool counts them, and those
    // that were passed without one.
    const fetched = async () => {
      await pool.query('select pg_stat_force_next_flush()')
      const result = await pool.query(`
        select
          sum(idx_tup_fetch) filter (where relname ~ '^event_2')::integer as events,
          sum(idx_tup_fetch) filter (where relname ~ '^event_key_2')::integer as keys,
          sum(seq_tup_read) filter (where relname ~ '^event_(key_)?2')::integer as passed
        from pg_stat_user_tables`)
      return onlyRow(result)
    }
    const events = Array.from({ length: 500 }, (_, i) => anEvent({ idempotencyKey: `probe-${i}` }))
    for (let batch = 0; batch < 6; batch++) {
      const fresh = events.map((event) => ({ ...event, name: `probe.n${batch}` }))
      await appendEvents(pool, fresh)
    }
    const before = await fetched()
    const known = events.slice(0, 20).map((event) => ({ ...event, name: 'probe.n0' }))
    const results = await appendEvents(pool, known)
    expect(results.every(({ outcome }) => outcome === 'duplicate')).toBe(true)
    const { events: rows, keys, passed } = await fetched()
    expect(rows - before.events).toBe(20)
    // The first one shows that keys may be known, and then each is looked up.
    expect(keys - before.keys).toBe(21)
    expect(passed).toBe(before.passed)

    // Alone, its fingerprint is found by each function first, and then the key.
    const [alone] = await appendEvents(pool, known.slice(0, 1))
    expect(alone?.outcome).toBe('duplicate')
    const [fresh] = await appendEvents(pool, [anEvent({ name: 'probe.alone' })])
    expect(fresh?.outcome).toBe('appended')
    const after = await fetched()
    expect(after).toEqual({ events: rows + 1, keys: keys + 3, passed })
    await pool.end()
  })

  it('stores the payload byte for byte', async () => {
    const payload = Buffer.from('{"b":1,"a":25.080,"a":12345678901234567890,"u":"\\u0000😀"}')
    const [appended] = await append(anEvent({ payload }))
    const { rows } = await database.pool.query('select payload from event where position = $1', [
      appended?.position,
    ])
    expect(rows[0].payload).toBe(payload.toString())
  })

  it('takes a key again whose event is gone', async () => {
    const event = anEvent()
    const { rows } = await database.pool.query(
      `insert into event_key (tenant, key_hash, position)
       values ($1, event_key_hash($2, $3), position_of(now()))
       returning position`,
      [event.tenant, event.name, event.idempotencyKey],
    )
    const [alone] = await append(event)
    expect(alone?.outcome).toBe('appended')
    expect(alone?.position).toBeGreaterThan(rows[0].position)
    expect(await append(event, anEvent())).toMatchObject([
      { outcome: 'duplicate', position: alone?.position },
      { outcome: 'appended' },
    ])
  })

  it.each([
    [{ tenant: '' }, 'tenant_is_a_word'],
    [{ tenant: 'a.b' }, 'tenant_is_a_word'],
    [{ tenant: '_a' }, 'tenant_is_a_word'],
    [{ tenant: 'a\n' }, 'tenant_is_a_word'],
    [{ tenant: 'a'.repeat(64) }, 'tenant_is_a_word'],
    [{ name: 'order' }, 'name_is_entity_action'],
    [{ entityId: '' }, 'entity_id_is_short_text'],
    [{ idempotencyKey: 'a\nb' }, 'idempotency_key_is_short_text'],
    [{ idempotencyKey: 'x'.repeat(256) }, 'idempotency_key_is_short_text'],
    [{ team: '' }, 'team_is_short_text'],
    [{ service: '' }, 'service_is_short_text'],
    [{ correlationIds: '[]' }, 'correlation_ids_is_object'],
    [{ payload: Buffer.from('[]') }, 'payload_is_object'],
  ])('refuses %j by the rule %s, alone and in a batch', async (changes, constraint) => {
    const before = await count()
    await expect(append(anEvent(changes))).rejects.toMatchObject({ constraint })
    await expect(append(anEvent(), anEvent(changes))).rejects.toMatchObject({ constraint })
    expect(await count()).toBe(before)
  })

  it('refuses to change what is there', async () => {
    await append(anEvent())
    for (const statement of ['update event set team = team', 'delete from event']) {
      await expect(database.admin.pool.query(statement)).rejects.toMatchObject({ code: 'MR003' })
    }
  })

  it('refuses a transaction that would look with an old snapshot', async () => {
    const client = await database.pool.connect()
    await client.query('begin isolation level repeatable read')
    const call = `select * from publish_event('dodici', 'order.created', 'o', 'k', '{}')`
    await expect(client.query(call)).rejects.toMatchObject({ code: 'MR002' })
    await client.query('rollback')
    client.release()
  })
})

describe('a clock that is wrong', () => {
  it('jumps back: positions still grow', async () => {
    const ahead = (Date.now() + 3_600_000) * 1000
    await database.pool.query('select setval($1, $2)', ['lane_position', ahead])
    const [appended] = await append(anEvent())
    expect(appended?.position).toBe(ahead + 1)
  })

  it('is far ahead: nothing is stored, and the sequencer is not pushed into the future', async () => {
    const before = (await database.pool.query('select last_value from lane_position')).rows[0]
    await database.admin.pool.query(`
      create or replace function test_far_ahead() returns void language plpgsql as $$
      begin
        insert into event
        select tenant, position_of(now() + interval '30 days'), name, entity_id, idempotency_key,
          team, service, correlation_ids, payload_bytes, payload
        from event limit 1;
      end $$`)
    await expect(database.pool.query('select test_far_ahead()')).rejects.toMatchObject({
      code: '23514',
      constraint: undefined,
    })
    const after = (await database.pool.query('select last_value from lane_position')).rows[0]
    expect(after).toEqual(before)
  })
})
