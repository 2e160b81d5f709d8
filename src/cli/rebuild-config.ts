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

/** The most rows of a table to print, and to restore from one comparison. */
const MAX_PRINTED = 1_000
const PAGE = 1_000

type Print = (line: string) => void

/**
 * Compares, and prints a line for each table and each differing row. With `apply` it also prints
 * each restored row, and then compares again. Returns whether both sides are equal (in the end).
 */
export async function rebuildConfig(
  url: string,
  { apply }: { apply: boolean },
  print: Print,
): Promise<boolean> {
  const logger = createLogger('warn')
  const database = openDatabase(url, { durability: 'durable', max: 1, logger })
  try {
    if (apply) {
      const waker = createWaker(database.pool, logger)
      await putAll(database.kysely, print, waker.wake)
      await waker.flushed()
    }
    const isSame = await compareAll(database.kysely, print)
    if (!isSame && !apply) print('They differ; --apply restores the rows from the log.')
    return isSame
  } finally {
    await database.close()
  }
}

/** Everything in one snapshot: a change is visible in the log and in its table, or in neither. */
async function compareAll(db: Db, print: Print): Promise<boolean> {
  return inSnapshot(db, async (trx) => {
    let isSame = true
    for (const projection of projections) {
      const compared = await compare(trx, projection, { most: MAX_PRINTED })
      for (const line of linesOf(projection.table, compared)) print(line)
      isSame &&= compared.differing === 0
    }
    return isSame
  })
}

/**
 * Each row in its own transaction: so the lane, which holds up publishers, is locked only briefly.
 * `wake` is called for the tenant of each restored consumer: it may be behind, and asleep.
 */
async function putAll(db: Db, print: Print, wake: (tenant: string) => void): Promise<void> {
  for (const projection of projections) {
    const { table, put } = projection
    let printed = 0
    for (let after: string[] | undefined; ; ) {
      const options = { after, most: PAGE }
      const { page } = await inSnapshot(db, (trx) => compare(trx, projection, options))
      for (const difference of page) {
        const isPut = await put(db, difference)
        if (isPut && table === 'consumer') wake(difference.key[0] as string)
        const outcome = isPut ? 'restored' : 'not restored'
        if (printed++ < MAX_PRINTED || !isPut) print(`${lineOf(table, difference)}: ${outcome}`)
      }
      if (page.length < PAGE) break
      after = page.at(-1)?.key
    }
    if (printed > MAX_PRINTED) print(`${table}: ${printed} rows in all`)
  }
}

function linesOf(table: string, { rows, differing, page }: Comparison): string[] {
  const unprinted = differing - page.length
  return [
    `${table}: ${rows} in the log, ${differing === 0 ? 'the same' : `${differing} differ`}`,
    ...page.map((difference) => `  ${lineOf(table, difference)}`),
    ...(unprinted > 0 ? [`  and ${unprinted} more`] : []),
  ]
}

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
