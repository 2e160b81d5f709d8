// The audits on the seeded days (seed.ts), asserted on what they must answer, to the microsecond.

import { beforeAll, describe, expect, it } from 'vitest'
import { readCall, runCall } from '../../src/cli/sql.ts'
import { useDatabase } from '../helpers/database.ts'
import { asRole } from '../helpers/postgres.ts'
import { type Json, pick, rowsOf } from './rows.ts'
import { at, positionAt, seed } from './seed.ts'

const database = useDatabase()
beforeAll(() => seed(database.admin.pool))

/** Sets when the first migration was applied; null: now. */
const beganAt = (time: string | null) =>
  database.admin.pool.query(
    `update migration_checksum set applied_at = coalesce($1, now()) where name = '0001_log'`,
    [time],
  )
const DAY = ['tenant=dodici', 'from=2026-03-11', 'to=2026-03-12']
const ask = (...args: string[]) => rowsOf(asRole(database.url, 'auditor'), ...args)

describe('audit/order-history', () => {
  const history = (...more: string[]) =>
    ask('audit/order-history', 'tenant=dodici', 'order_id=order-1', ...more)

  it('has what is about the order and what names it, in order, and nothing else', async () => {
    expect(pick(await history(), 'published_at', 'name', 'service', 'position')).toEqual([
      [at('11T00:00:00'), 'order.created', 'shop', positionAt('11T00:00')],
      [at('11T01:00:00'), 'order.shipped', 'shop', positionAt('11T01:00')],
      [at('11T02:00:00'), 'invoice.created', 'shop', positionAt('11T02:00')],
    ])
  })
  it('begins at exactly `since`', async () => {
    expect(await history('since=2026-03-11T01:00:00Z')).toHaveLength(2)
    expect(await history('since=2026-03-11T02:00:00.000001+01:00')).toHaveLength(1)
  })
  it('shows the payload to the byte', async () => {
    const lines: string[] = []
    const call = readCall(['audit/order-history', 'tenant=another', 'order_id=order-1', '--json'])
    await runCall(asRole(database.url, 'auditor'), call, (line) => lines.push(line))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('"payload":{"amount": 25.080}}')
  })
  it('finds the events by the index of ids, and reads them by the key of the days since then', async () => {
    await database.admin.pool.query(`
      insert into event
      select 'bulk', position_of('2026-03-12T06:00:00Z') + i, 'order.created', 'o', 'k' || i, 't',
        's', '{}', 2, '{}'
      from generate_series(1, 20000) as i;
      analyze event`)
    const args = ['tenant=dodici', 'order_id=order-1', 'since=2026-03-12']
    const { script, values } = readCall(['audit/order-history', ...args])
    const { text, names } = script.statements.at(-1) as { text: string; names: string[] }
    const { rows } = await database.pool.query(
      `explain (costs off) ${text}`,
      names.map((name) => values.get(name)),
    )
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
    expect(plan).toMatch(/Index Scan using event_20260312_pkey/)
    expect(plan).toMatch(
      /Index Cond: .*tenant = 'dodici'.*position" >= .*position" = found\."position"/,
    )
    expect(plan).toMatch(/Function Scan on events_of_id found/)
    expect(plan).not.toMatch(/event_2026031[01]|Subplans Removed/)
  })
})

describe('audit/deliveries', () => {
  it('shows each step with the configuration that was in force', async () => {
    const rows = await ask('audit/deliveries', ...DAY, 'integration=erp')
    const columns = ['settled_at', 'delivered', 'rejected', 'filtered_out', 'version']
    expect(pick(rows, ...columns, 'configured_at', 'configured_by')).toEqual([
      [at('11T00:00:01'), 2, 0, 0, 1, at('10T00:00:00'), 'anna'],
      [at('11T03:00:01'), 1, 0, 2, 4, at('11T00:50:00'), 'anna'],
      [at('11T04:00:01'), 0, 1, 0, 4, at('11T00:50:00'), 'anna'],
      [at('11T05:00:01'), 0, 1, 0, 4, at('11T00:50:00'), 'anna'],
      [at('11T07:00:01'), 1, 0, 0, 4, at('11T00:50:00'), 'anna'],
    ])
    expect(rows[0]).toMatchObject({
      run: 'live',
      target: 'http://erp/?"sealed:x"',
      filter: { event_filter: ['order.created', 'order.shipped'] },
      events_after: at('10T00:00:00'),
      events_through: at('11T00:00:00'),
    })
  })
  it('shows everybody, and replays as such', async () => {
    expect(await ask('audit/deliveries', ...DAY)).toHaveLength(7)
    const next = ['tenant=dodici', 'from=2026-03-12', 'to=2026-03-13']
    const rows = await ask('audit/deliveries', ...next)
    expect(pick(rows, 'integration', 'run')).toEqual([['erp', 'replay 7']])
  })
})

describe('audit/undelivered and audit/proof-of-delivery', () => {
  const hours = (rows: Json[]) =>
    rows.map(({ published_at, state }) => `${String(published_at).slice(11, 13)} ${state}`)
  const undelivered = (id: string) => ask('audit/undelivered', ...DAY, `integration=${id}`)
  async function proof(id: string) {
    const [row] = await ask('audit/proof-of-delivery', ...DAY, `integration=${id}`)
    const { verdict, ...counts } = row as Json
    return { verdict, counts: Object.values(counts) }
  }

  it('tells apart what a failing integration has not received', async () => {
    const rows = await undelivered('erp')
    expect(hours(rows)).toEqual([
      '01 filtered_out',
      '02 filtered_out',
      '04 rejected',
      '05 rejected_and_removed',
      '06 being_retried',
      '08 behind_a_failing_event',
      '09 filtered_out',
      '10 behind_a_failing_event',
    ])
    const failing =
      `2 failures in a row, the last at ${at('11T06:00:03.000000')} of the event at ` +
      `${positionAt('11T06:00')}: connection refused. ` +
      `Next try: ${at('11T06:00:06.000000')}. Response: Oops`
    expect(rows.map(({ why }) => why)).toMatchObject({
      0: 'The filter of version 4 does not take it.',
      2: `Answered 400 at ${at('11T04:00:01.000000')}: No such shop`,
      4: failing,
      5: failing,
    })
    // published, outside, filtered, passed, delivered, rejected, pending, given up
    expect(await proof('erp')).toEqual({
      counts: [11, 0, 3, 8, 3, 2, 3, 0],
      verdict: 'Not proved: of 8 events 3 were delivered; audit/undelivered says why.',
    })
  })

  it.each([
    [
      'old',
      ['before_its_start', 3, 'removed_before_it_was_sent', 1, 'after_its_removal', 6],
      [11, 9, 0, 2, 1, 0, 0, 1],
    ],
    ['late', ['stopped', 11], [11, 0, 0, 11, 0, 0, 11, 0]],
    ['temp', ['before_its_start', 1, 'after_its_end', 7], [11, 8, 0, 3, 3, 0, 0, 0]],
    ['fresh', ['before_its_start', 6, 'being_sent', 1, 'waiting', 4], [11, 6, 0, 5, 0, 0, 5, 0]],
    ['jumped', ['passed_over', 5, 'waiting', 6], [11, 0, 0, 11, 0, 0, 6, 5]],
    ['nobody', ['never_registered', 11], [11, 11, 0, 0, 0, 0, 0, 0]],
  ])('knows of %s', async (id, states, counts) => {
    const rows = await undelivered(id)
    const seen = new Map<unknown, number>()
    for (const { state } of rows) seen.set(state, (seen.get(state) ?? 0) + 1)
    expect([...seen].flat()).toEqual(states)
    for (const { why } of rows) expect(why).toMatch(/\.$|: .+$/)
    expect((await proof(id)).counts).toEqual(counts)
  })

  it('says in words who was stopped and removed, by whom and why', async () => {
    const [first] = await undelivered('late')
    expect(first?.['why']).toBe(`Stopped at ${at('11T00:59:00.000000')} by millrace: Gone.`)
    const last = (await undelivered('old')).at(-1)
    expect(last?.['why']).toBe(`Removed at ${at('11T04:30:00.000000')} by ben: Not needed.`)
  })

  describe('the verdict', () => {
    const verdict = async (from: string, to: string, id = 'erp') => {
      const period = ['tenant=dodici', `from=${from}`, `to=${to}`]
      return (await ask('audit/proof-of-delivery', ...period, `integration=${id}`))[0]?.['verdict']
    }
    const dayAhead = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString()

    it('proves a period, and nothing that it cannot know', async () => {
      expect((await proof('temp')).verdict).toBe(
        'Proved: all 3 events that pass its filter were delivered; 8 lie outside its time.',
      )
      expect(await verdict('2026-03-10', '2026-03-11T04:00Z')).toBe(
        'Proved: all 3 events that pass its filter were delivered.',
      )
      expect(await verdict('2026-03-10', '2026-03-11T04:00:00.000001Z')).toMatch(
        /^Not proved: of 4/,
      )
      expect(await verdict('2026-03-12T05:00Z', '2026-03-12T06:00Z')).toBe(
        'Nothing was published in this period.',
      )
    })
    it('tells days that are lost from days before the log', async () => {
      const began = 'The log begins at 2026-03-10 00:00:00+00'
      expect(await verdict('2026-03-01', '2026-03-11T04:00Z')).toBe(
        `Proved: all 3 events that pass its filter were delivered. ${began}.`,
      )
      expect(await verdict('2026-03-01', '2026-03-10')).toBe(
        'Nothing to prove: the log begins at 2026-03-10 00:00:00+00, after the period.',
      )
      await beganAt('2026-03-05T12:00Z')
      expect(await verdict('2026-03-01', '2026-03-05T12:00Z')).toMatch(/^Nothing to prove: the log/)
      for (const from of ['2026-03-01', '2026-03-06', '2026-03-09T23:59:59.999999Z']) {
        expect(await verdict(from, '2026-03-11T04:00Z')).toBe(
          'Not proved: events before 2026-03-10 00:00:00+00 are past the retention.',
        )
      }
      expect(await verdict('2026-03-10', '2026-03-11T04:00Z')).toMatch(/^Proved: all 3 events/)
      await beganAt(null)
    })
    it('says what there is none of', async () => {
      expect(await verdict('2026-03-11', '2026-03-12', 'nobody')).toBe(
        'Not proved: there never was such an integration or subscription.',
      )
      expect(await verdict('2026-03-12', '2026-03-11')).toMatch(/the period is empty\.$/)
      expect(await verdict('2026-03-11', '2026-03-11')).toMatch(/the period is empty\.$/)
      expect(await verdict('2026-03-11T09:00Z', '2026-03-11T09:30Z')).toBe(
        'Nothing to prove: its filter takes none of 1 events.',
      )
      expect(await verdict('2026-03-11T03:30Z', '2026-03-11T09:30Z', 'temp')).toBe(
        'Nothing to prove: all 6 events lie outside its time.',
      )
      // The removal leaves what came after it outside.
      expect(await verdict('2026-03-11T04:30Z', '2026-03-11T09:30Z', 'old')).toBe(
        'Nothing to prove: all 5 events lie outside its time.',
      )
    })
    it('is not the last one where the period is not over', async () => {
      const ahead = dayAhead(2)
      expect(await verdict(dayAhead(1), ahead)).toBe('Nothing to prove: the period has not begun.')
      expect(await verdict('2026-11-01', ahead)).toBe(
        'Nothing was published in this period. The period is not over.',
      )
      expect(await verdict('2026-03-11', ahead, 'temp')).toBe(
        'Proved so far: all 3 events that pass its filter were delivered; 9 lie outside its ' +
          'time. The period is not over.',
      )
      expect(await verdict('2026-03-11', ahead)).toMatch(/^Not proved: .*not over\.$/)
    })
  })

  it('counts what was sent again by hand, or by a replay, as delivered', async () => {
    await database.pool.query(
      `insert into attempt values
         ('dodici', $1, 'erp', 0, $2, 1, 'delivered', 200, 'Sent again and taken', null)`,
      [positionAt('11T11:00'), positionAt('11T05:00')],
    )
    await database.pool.query(
      `insert into receipt values ('dodici', $1, 'erp', 8, 4, $2, $3, 1, 0, 0, '{}')`,
      [positionAt('11T11:00'), positionAt('11T03:30'), positionAt('11T04:00')],
    )
    const rows = await undelivered('erp')
    await database.admin.pool.query(`
      delete from attempt where outcome = 'delivered';
      delete from receipt where run = 8`)
    expect(hours(rows).some((row) => row.includes('rejected'))).toBe(false)
    expect(rows).toHaveLength(6)
  })
})

describe('audit/configuration-as-of', () => {
  const asOf = (moment: string) => ask('audit/configuration-as-of', 'tenant=dodici', `at=${moment}`)

  it('is what it was at that very microsecond', async () => {
    const before = await asOf('2026-03-11T00:29:59.999999Z')
    const after = await asOf('2026-03-11T00:30:00Z')
    expect(pick(before, 'id', 'status', 'version')).toEqual([
      ['erp', 'running', 1],
      ['jumped', 'running', 1],
      ['late', 'running', 1],
    ])
    expect(pick(after, 'id', 'status', 'version')[0]).toEqual(['erp', 'stopped', 2])
    expect(pick(await asOf('2026-03-09T12:00Z'), 'id')).toEqual([])
  })
  it('shows the last change, not a note, and no secret', async () => {
    const [erp] = await asOf('2026-03-11T00:56Z')
    expect(erp).toMatchObject({ changed_at: at('11T00:50:00'), reason: 'Started.', version: 4 })
    expect(erp?.['document']).toEqual({
      integration_type: 'permanent',
      callback_parameters: { api_key: '***', callback_url: 'http://erp/?"sealed:x"' },
      delivery: { headers: { 'x-key': '***' }, signing_secret: '***' },
      filter_conditions: { event_filter: ['order.created'] },
    })
  })
})

describe('audit/changes', () => {
  it('shows who, when, before and after, and no secret', async () => {
    const rows = await ask('audit/changes', ...DAY, 'integration=erp')
    expect(pick(rows, 'changed_at', 'actor', 'action', 'version', 'status')).toEqual([
      [at('11T00:30:00'), 'ben', 'integration_stopped', 2, 'stopped'],
      [at('11T00:40:00'), 'anna', 'integration_updated', 3, 'stopped'],
      [at('11T00:50:00'), 'anna', 'integration_started', 4, 'running'],
    ])
    expect(rows[1]).toMatchObject({
      before: { filter_conditions: { event_filter: ['order.created', 'order.shipped'] } },
      after: { filter_conditions: { event_filter: ['order.created'] } },
    })
    expect(JSON.stringify(rows)).not.toContain('sealed:1')
  })
  it('has nothing before a registration and nothing after a removal', async () => {
    const rows = await ask('audit/changes', ...DAY, 'integration=old')
    expect(rows).toMatchObject([{ before: null }, { after: null }])
    expect(await ask('audit/changes', ...DAY)).toHaveLength(10)
  })
})
