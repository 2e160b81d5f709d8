// millrace rebuild config [--apply]: compares the configuration tables of all tenants with the
// config log; --apply restores the rows that differ. Both work while the service runs.

import { sql } from 'kysely'
import type { Db } from '../db/pool.ts'
import { openDatabase } from '../db/pool.ts'
import { createWaker } from '../delivery/wake.ts'
import { createLogger } from '../logger.ts'
import {
  type Comparison,
  compare,
  type Difference,
  describeDifference,
  projections,
} from './configuration.ts'
import type { Show } from './output.ts'

/** The most rows of a table to show, and to restore from one comparison. */
const MOST_SHOWN = 1_000
const PAGE = 1_000

/**
 * Compares, and shows each table and each differing row. With `apply` it also shows each restored
 * row, and then compares again. Returns whether both sides are equal (in the end).
 */
export async function rebuildConfig(
  url: string,
  { apply }: { apply: boolean },
  show: Show,
): Promise<boolean> {
  const logger = createLogger('warn')
  const database = openDatabase(url, { durability: 'durable', max: 1, logger })
  try {
    if (apply) {
      const waker = createWaker(database.pool, logger)
      await putAll(database.kysely, show, waker.wake)
      await waker.flushed()
    }
    const same = await compareAll(database.kysely, show)
    show({ same }, () =>
      same || apply ? [] : ['They differ; --apply restores the rows from the log.'],
    )
    return same
  } finally {
    await database.close()
  }
}

/** Everything in one snapshot: a change is visible in the log and in its table, or in neither. */
async function compareAll(db: Db, show: Show): Promise<boolean> {
  return inSnapshot(db, async (trx) => {
    let isSame = true
    for (const projection of projections) {
      const compared = await compare(trx, projection, { most: MOST_SHOWN })
      showTable(projection.table, compared, show)
      isSame &&= compared.differing === 0
    }
    return isSame
  })
}

/**
 * Each row in its own transaction: so the lane, which holds up publishers, is locked only briefly.
 * `wake` is called for the tenant of each restored consumer: it may be behind, and asleep.
 */
async function putAll(db: Db, show: Show, wake: (tenant: string) => void): Promise<void> {
  for (const projection of projections) {
    const { table, put } = projection
    let count = 0
    for (let after: string[] | undefined; ; ) {
      const options = { after, most: PAGE }
      const { page } = await inSnapshot(db, (trx) => compare(trx, projection, options))
      for (const difference of page) {
        const isPut = await put(db, difference)
        if (isPut && table === 'consumer') wake(difference.key[0] as string)
        if (count++ < MOST_SHOWN || !isPut) {
          const outcome = isPut ? 'restored' : 'not restored'
          show({ ...shown(table, difference), restored: isPut }, () => [
            `${lineOf(table, difference)}: ${outcome}`,
          ])
        }
      }
      if (page.length < PAGE) break
      after = page.at(-1)?.key
    }
    const all = count
    if (all > MOST_SHOWN) show({ table, differing: all }, () => [`${table}: ${all} rows in all`])
  }
}

function showTable(table: string, { rows, differing, page }: Comparison, show: Show): void {
  const state = differing === 0 ? 'the same' : `${differing} differ`
  show({ table, rows, differing }, () => [`${table}: ${rows} in the log, ${state}`])
  for (const difference of page) {
    show(shown(table, difference), () => [`  ${lineOf(table, difference)}`])
  }
  const more = differing - page.length
  if (more > 0) show({ table, more }, () => [`  and ${more} more`])
}

const shown = (table: string, difference: Difference) => ({
  table,
  key: difference.key,
  difference: describeDifference(difference),
})

function lineOf(table: string, difference: Difference): string {
  return `${table} ${difference.key.join(' ')}: ${describeDifference(difference)}`
}

function inSnapshot<T>(db: Db, act: (trx: Db) => Promise<T>): Promise<T> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      await sql`set local statement_timeout = 0`.execute(trx)
      return act(trx)
    })
}
