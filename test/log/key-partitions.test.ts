// The step from key partitions of ten days to those of thirty: wherever in its thirty days a log
// is, no day is left without a partition.

import { expect, it } from 'vitest'
import { readMigrations } from '../../src/db/migrate.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()
const DAY_US = 86_400_000_000
const step = readMigrations().find(({ name }) => name === '0015_key_partitions')?.text as string

const make = (day: number, days: number) =>
  database.admin.pool.query(
    `select create_partition('event_key', date '1970-01-01' + $1::integer, $2)`,
    [Math.floor(day / days) * days, days],
  )

/** From and to, in days since 1970. */
async function partitions(): Promise<{ name: string; from: number; to: number }[]> {
  const { rows } = await database.pool.query(`
    select inhrelid::regclass::text as name, bounds[1]::bigint as from, bounds[2]::bigint as to
    from pg_inherits
    cross join lateral regexp_match(
      pg_get_expr((select relpartbound from pg_class where oid = inhrelid), inhrelid),
      'FROM \\(''(\\d+)''\\) TO \\(''(\\d+)''\\)'
    ) as bounds
    where inhparent = 'event_key'::regclass
    order by 2`)
  return rows.map(({ name, from, to }) => ({ name, from: from / DAY_US, to: to / DAY_US }))
}

/** The step, as a process of now takes it on a log of before. */
async function takeStep(): Promise<void> {
  await database.admin.pool.query(
    'alter table event_key add primary key (tenant, key_hash, position)',
  )
  await database.admin.pool.query(step)
}

it.each([
  ['a new log', 0, 30],
  ['one of a month', 35, 30],
  ['one that is kept for a week', 35, 7],
])('%s has a partition for each day to come', async (_, age, retention) => {
  // Not ahead of the clock: nothing is made for more than a week ahead of it.
  const last = Math.floor((Date.now() * 1_000) / DAY_US)
  for (let today = last - 29; today <= last; today++) {
    for (const { name } of await partitions()) await database.admin.pool.query(`drop table ${name}`)
    for (let day = today - age - 1; day <= today + 7; day++) await make(day, 10)
    const before = await partitions()
    await takeStep()
    // A process of before for nine days more, which makes them a week ahead and drops what it does
    // not keep; and then one of now.
    for (let day = today; day <= today + 16; day++) await make(day, 10)
    const isOld = ({ to }: { to: number }) => to <= today - retention
    for (const { name } of (await partitions()).filter(isOld)) {
      await database.admin.pool.query(`drop table ${name}`)
    }
    for (let day = today; day <= today + 90; day++) await make(day, 30)
    const after = await partitions()
    expect(after).toEqual(expect.arrayContaining(before.filter((one) => !isOld(one))))
    expect(after.slice(1).map(({ from }) => from)).toEqual(after.slice(0, -1).map(({ to }) => to))
    expect(after[0]?.from).toBeLessThanOrEqual(today - Math.min(age, retention))
    expect(after.at(-1)?.to).toBeGreaterThan(today + 90)
  }
})

it('does nothing to a log that has none yet', async () => {
  for (const { name } of await partitions()) await database.admin.pool.query(`drop table ${name}`)
  await takeStep()
  expect(await partitions()).toEqual([])
})
