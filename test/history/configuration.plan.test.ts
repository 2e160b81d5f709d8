// The history of the configuration on a log that has grown: 100,000 entries of a tenant, of which
// 90,000 are notes, and as many of another. Each answer reads a bounded number of rows by index.

import type { RawBuilder } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  configurationQuery,
  idsQuery,
  readConfiguration,
} from '../../src/history/configuration/as-of.ts'
import {
  type ChangesWanted,
  changesQuery,
  floorQuery,
  LOOKED_AT,
  readChanges,
} from '../../src/history/configuration/changes.ts'
import { END_OF_LOG } from '../../src/log/position.ts'
import { createSecretBox } from '../../src/sealing/secret.ts'
import { useDatabase } from '../helpers/database.ts'
import { rowsOf, scansOf, typesOf } from '../helpers/plan.ts'

const ENTRIES = 100_000
/** One of ten entries is a change. */
const NOTES = 10
const IDS = 200
const TENANT = 'dodici'
/** Each id has had its 301st entry, the first one of version 31. */
const MOMENT = 1000 * 60_200
const reader = { secrets: createSecretBox('00'.repeat(32)), mayRead: () => false }

const database = useDatabase()
beforeAll(async () => {
  for (const tenant of [TENANT, 'another']) {
    // An action that alerts nobody.
    await database.admin.pool.query(
      `insert into config_log (tenant, position, kind, id, version, action, status, actor, reason,
         document)
       select
         $1, 1000 * i + length($1),
         case when i % ${IDS} = 7 then 'key' else 'integration' end,
         case when i % ${IDS} = 7 then 'key:0123456789ab' else 'erp-' || i % ${IDS} end,
         1 + i / ${IDS} / ${NOTES}, 'integration_moved', 'running', 'ada', 'A test.',
         '{"integration_type": "permanent"}'
       from generate_series(0, ${ENTRIES - 1}) as i`,
      [tenant],
    )
  }
  await database.admin.pool.query('analyze config_log')
}, 120_000)
// The search for secrets, which every test file ends with, would take longer than a statement may.
afterAll(async () => {
  await database.admin.pool.query(
    'alter table config_log disable trigger refuses_truncate; truncate config_log',
  )
})

/** The rows of the log that a query reads; it reads them by index. */
async function rowsRead(query: RawBuilder<unknown>): Promise<number> {
  const scans = await scansOf(database.kysely, query, /^config_log$/)
  expect([...typesOf(scans)]).not.toContain('Seq Scan')
  return rowsOf(scans)
}

const everything: ChangesWanted = {
  first: 0,
  end: END_OF_LOG,
  ids: undefined,
  kind: undefined,
  actor: undefined,
  limit: 100,
}

describe('the changes', () => {
  it.each<[string, Partial<ChangesWanted>]>([
    ['all', {}],
    ['one id', { ids: ['erp-1'] }],
    ['a kind', { kind: 'key' }],
    ['an actor who is not there', { actor: 'nobody' }],
    ['a moment long ago', { end: 1000 * 5_000 }],
  ])('of %s read a bounded part of the log', async (_, filter) => {
    const wanted = { ...everything, ...filter }
    expect(await rowsRead(floorQuery(TENANT, wanted))).toBeLessThanOrEqual(LOOKED_AT + 1)
    const first = 1000 * (ENTRIES - LOOKED_AT)
    const page = changesQuery(TENANT, { ...wanted, first: filter.ids || filter.end ? 0 : first })
    expect(await rowsRead(page)).toBeLessThan(2 * LOOKED_AT + 1_000)
  })

  it('come page by page, also where a page has none', async () => {
    let [pages, found] = [0, 0]
    for (let end: number | null = END_OF_LOG; end !== null; pages++) {
      const wanted: ChangesWanted = { ...everything, end, kind: 'key', limit: 1_000 }
      const { changes, next } = await readChanges(database.kysely, TENANT, wanted, reader)
      found += changes.length
      end = next
    }
    expect([pages, found]).toEqual([ENTRIES / LOOKED_AT + 1, ENTRIES / IDS / NOTES])
  })
})

describe('the configuration of a moment', () => {
  it('looks once at each id, and at its entries since the last change', async () => {
    expect(await rowsRead(idsQuery(TENANT, ''))).toBeLessThanOrEqual(2 * IDS)
    const { rows } = await idsQuery(TENANT, '').execute(database.kysely)
    expect(rows).toHaveLength(IDS)
    const query = configurationQuery({ things: rows, next: undefined }, MOMENT, 100)
    expect(await rowsRead(query)).toBeLessThan(101 * 10)
  })

  it('is that of the tenant', async () => {
    const wanted = { ids: undefined, kind: undefined, after: '', limit: 100, until: MOMENT }
    const { configuration } = await readConfiguration(
      database.kysely,
      TENANT,
      wanted,
      reader.mayRead,
    )
    expect(configuration).toHaveLength(100)
    for (const one of configuration) expect(one).toMatchObject({ version: 31 })
  })
})
