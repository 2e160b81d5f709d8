// A commit that should wait for a standby, and whose wait somebody cancels: Postgres warns and says
// "done", but a failover could lose it. It does not count as done.

import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { query } from '../../scripts/kit/postgres.ts'
import { until } from '../../scripts/kit/until.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { ConnectionError } from '../../src/db/failure.ts'
import { openDatabase } from '../../src/db/pool.ts'
import { createLogger } from '../../src/logger.ts'

const dataDir = mkdtempSync(path.join(os.tmpdir(), 'millrace-test-'))
let server: EmbeddedPostgres
beforeAll(async () => {
  server = await startEmbeddedPostgres(dataDir)
  await query(server.url, 'create table kept (number integer)')
})
afterAll(async () => {
  await server.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

it('is not acknowledged if the wait for the standby is cancelled', async () => {
  const logger = createLogger('silent')
  const { pool, close } = openDatabase(server.url, { durability: 'durable', max: 1, logger })
  await pool.query('insert into kept values (1)')
  await query(server.url, `alter system set synchronous_standby_names = 'nobody'`)
  await query(server.url, 'select pg_reload_conf()')
  // The server heeds the setting some time after its reload: until then nothing waits.
  let number = 1
  const insertUntilOneFails = async () => {
    for (;;) await pool.query('insert into kept values ($1)', [++number])
  }
  const outcome = insertUntilOneFails().catch((error) => error)
  await until('it waits for the standby', async () => {
    const waiting = `
      select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'`
    return (await query(server.url, waiting)).rowCount === 1
  })
  expect(await outcome).toBeInstanceOf(ConnectionError)
  await query(server.url, 'alter system reset synchronous_standby_names')
  await query(server.url, 'select pg_reload_conf()')
  expect((await pool.query('select number from kept order by number')).rows).toHaveLength(number)
  await close()
})
