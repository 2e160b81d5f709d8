// What 0023_replay makes of what there was: temporary integrations were run 0, and a stop had no
// position of its own.

import { expect, it } from 'vitest'
import { changeConsumer, registerConsumer } from '../../src/consumer/change.ts'
import { migrate } from '../../src/db/migrate.ts'
import { createLogger } from '../../src/logger.ts'
import { useDatabase } from '../helpers/database.ts'
import { asRole } from '../helpers/postgres.ts'
import { undoReplay } from '../helpers/undo.ts'

const database = useDatabase()
const who = { actor: 'ada', reason: 'A test.' }
const permanent = { integration_type: 'permanent' }
const temporary = { integration_type: 'temporary' }
const register = (id: string, document: object) =>
  registerConsumer(database.kysely, 'dodici', id, {
    kind: 'integration',
    ...who,
    document,
    most: 10,
  })
const change = (id: string, command: 'stop' | 'update' | 'rotate' | 'remove') =>
  changeConsumer(database.kysely, 'dodici', id, { ...who, command: command })
const record = (id: string) =>
  database.pool.query(
    `with now as (select position_of(clock_timestamp()) as position),
     receipt as (
       insert into receipt
       select 'dodici', position, $1, 0, 1, 1, 2, 1, 0, 0, '{}' from now
     ),
     file as (
       insert into export_file (
         tenant, position, consumer, run, version, key, from_position, first_position, to_position
       )
       select 'dodici', position, $1, 0, 1, $1 || position, 1, 2, 2 from now
     ),
     kept as (
       insert into rejected_event (
         tenant, consumer, event_position, name, entity_id, idempotency_key, payload, status,
         response
       )
       select 'dodici', $1, position, 'a.b', 'e', 'k', '{}', 400, '' from now
     )
     insert into attempt select 'dodici', position, $1, 0, 2, 1, 'rejected', 400, '', '' from now`,
    [id],
  )

it('makes replays of temporary integrations, and knows when a stop was', async () => {
  // A life as a replay, and one that is none.
  await register('was', temporary)
  await record('was')
  await change('was', 'remove')
  await register('was', permanent)
  await record('was')
  await register('goes-on', temporary)
  await record('goes-on')
  await register('stopped', permanent)
  await change('stopped', 'stop')
  await change('stopped', 'update')
  await change('stopped', 'rotate')
  await database.admin.pool.query(undoReplay)

  await migrate(asRole(database.adminUrl, 'owner'), createLogger('silent'))

  const { rows } = await database.pool.query(`
    select 'cursor' as what, consumer, run from cursor
    union all select 'file', consumer, run from export_file
    union all select 'receipt', consumer, run from receipt
    union all select 'rejected', consumer, run from rejected_event
    union all select 'attempt', consumer, run from attempt
    order by consumer, what, run`)
  const of = (consumer: string, run: number, ...whats: string[]) =>
    whats.map((what) => ({ what, consumer, run }))
  expect(rows).toEqual([
    ...of('goes-on', 1, 'attempt', 'cursor', 'file', 'receipt', 'rejected'),
    ...of('stopped', 0, 'cursor'),
    // Of the first life 1, of the second 0; what the first had kept went when the second began.
    ...of('was', 0, 'attempt'),
    ...of('was', 1, 'attempt'),
    ...of('was', 0, 'cursor'),
    ...of('was', 0, 'file'),
    ...of('was', 1, 'file'),
    ...of('was', 0, 'receipt'),
    ...of('was', 1, 'receipt'),
    ...of('was', 0, 'rejected'),
  ])
  // A process of before keeps them by an INSERT that names no run.
  await record('goes-on')
  await record('stopped')
  const kept = await database.pool.query(
    'select distinct consumer, run from rejected_event order by consumer',
  )
  expect(kept.rows).toEqual([
    { consumer: 'goes-on', run: 1 },
    { consumer: 'stopped', run: 0 },
    { consumer: 'was', run: 0 },
  ])
  const stops = await database.pool.query(`
    select id, (
      select position from config_log
      where config_log.id = consumer.id and action = 'integration_stopped'
    ) = stopped_position as is_right
    from consumer order by id`)
  expect(stops.rows).toEqual([
    { id: 'goes-on', is_right: null },
    { id: 'stopped', is_right: true },
    { id: 'was', is_right: null },
  ])
})
