// Positions in SQL are those of src/log/position.ts.

import { expect, it } from 'vitest'
import { positionOf, timeOf } from '../../src/log/position.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()
const TIMES = [
  '1970-01-01T00:00:00Z',
  '2026-02-28T23:59:59.999999Z',
  '2026-03-29T01:00:00.000001Z',
  '2026-10-25T02:30:00.123456+02:00',
  '2254-12-31T23:59:59.999999Z',
]

it.each(['UTC', 'Europe/Berlin', 'Pacific/Chatham'])(
  'are the same in the zone %s',
  async (zone) => {
    const client = await database.admin.pool.connect()
    try {
      await client.query('begin')
      await client.query(`select set_config('TimeZone', $1, true)`, [zone])
      const { rows } = await client.query(
        `select position_of(moment) as position, time_of(position_of(moment)) = moment as is_back
       from unnest($1::timestamptz[]) with ordinality as asked (moment, place)
       order by place`,
        [TIMES],
      )
      const positions = TIMES.map((time) => positionOf(time) as number)
      expect(rows).toEqual(positions.map((position) => ({ position, is_back: true })))
      expect(positions.map((position) => positionOf(timeOf(position)))).toEqual(positions)
    } finally {
      await client.query('rollback')
      client.release()
    }
  },
)

const STORED = [
  ...TIMES,
  '0000-01-01T00:00:00Z',
  '0000-12-31T23:00:00-01:30',
  '1969-12-31T23:59:59.5Z',
  '1969-12-31T23:59:59.5-00:30',
  '1970-01-01T00:00:00.000001+00:01',
  '2024-02-29t12:00:00.1z',
  '2026-01-01T00:00:00+23:59',
  '2026-01-01T00:00:00.25-16:00',
  '2026-01-17T12:00:00.1234567891234Z',
  '9999-12-31T23:59:59Z',
]

it('of times as documents have them are the same', async () => {
  const { rows } = await database.admin.pool.query(
    `select position_of_text(moment) as position
    from unnest($1::text[]) with ordinality as asked (moment, place)
    order by place`,
    [STORED],
  )
  expect(rows.map(({ position }) => Number(position))).toEqual(STORED.map(positionOf))
})

it('cost no call of a function', async () => {
  const { rows } = await database.pool.query(
    'explain (verbose, costs off) select position_of(clock_timestamp())',
  )
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
  expect(plan).toMatch(/Output: .*EXTRACT\(epoch FROM/i)
  expect(plan).not.toContain('position_of')
})
