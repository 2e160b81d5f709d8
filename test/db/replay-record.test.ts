// What 0033_replay_record makes of the runs that were added by date before it: they were cursors,
// receipts, and notes in the config log.

import { expect, it } from 'vitest'
import { registerConsumer } from '../../src/consumer/change.ts'
import { migrate } from '../../src/db/migrate.ts'
import { createLogger } from '../../src/logger.ts'
import { useDatabase } from '../helpers/database.ts'
import { asRole } from '../helpers/postgres.ts'
import { undoReplayRecord } from '../helpers/undo.ts'

const database = useDatabase()

it('gives each of them a record, as far as the log tells', async () => {
  const { pool } = database.admin
  await registerConsumer(database.kysely, 'dodici', 'erp', {
    kind: 'integration',
    document: { integration_type: 'permanent' },
    actor: 'ada',
    reason: 'A test.',
    most: 10,
  })
  const note = (action: string, actor: string, reason: string) =>
    pool.query(`select note_consumer('dodici', 'erp', $1, $2, $3)`, [action, actor, reason])
  const range = 'of what was published from 2026-03-11 01:00:00+00 to 2026-03-11 03:00:00.5+00.'
  for (const number of [1, 2, 3])
    await note('replay_started', 'sql:ben', `Replay ${number} ${range}`)
  await note('replay_completed', 'millrace', 'Replay 1: everything up to then was sent.')
  await pool.query(`
    insert into receipt
    select 'dodici', position_of(clock_timestamp()), 'erp', 1, 1, 1, 9, 5, 1, 2, '{}';
    insert into cursor (tenant, consumer, run, read_position, stop_position)
    values ('dodici', 'erp', 2, 1, 9)`)
  await pool.query(undoReplayRecord)

  await migrate(asRole(database.adminUrl, 'owner'), createLogger('silent'))

  const { rows } = await database.pool.query(`
    select number, state, actor, ended_by, delivered, rejected, filtered,
      time_of(from_position) as "from", time_of(to_position) as "to", end_reason
    from replay order by number`)
  const all = { actor: 'sql:ben', from: new Date('2026-03-11T01:00Z') }
  expect(rows).toMatchObject([
    {
      ...all,
      number: 1,
      state: 'completed',
      ended_by: 'millrace',
      delivered: 5,
      rejected: 1,
      filtered: 2,
      to: new Date('2026-03-11T03:00:00.5Z'),
      end_reason: 'Replay 1: everything up to then was sent.',
    },
    { ...all, number: 2, state: 'running', ended_by: null, end_reason: null },
    { ...all, number: 3, state: 'cancelled', ended_by: 'millrace' },
  ])
})
