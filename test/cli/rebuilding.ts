// What tests of `rebuild config` share.

import type { ShownLine } from '../../src/cli/output.ts'
import { rebuildConfig } from '../../src/cli/rebuild-config.ts'
import type { TestDatabase } from '../helpers/database.ts'

/** What it says, and whether all is as it should be; by the service, unless told otherwise. */
export async function rebuilt(database: TestDatabase, { apply = false, url = database.url } = {}) {
  const values: unknown[] = []
  const lines: ShownLine[] = []
  const isSame = await rebuildConfig(url, { apply }, (value, linesOf) => {
    values.push(value)
    lines.push(...linesOf())
  })
  return { isSame, values, lines, told: lines.join('\n') }
}

/** Deletes all rows, without the triggers that refuse it, as only an administrator may. */
export const empty = (database: TestDatabase, ...tables: string[]) =>
  database.admin.pool.query(`
    set session_replication_role = replica;
    ${tables.map((table) => `delete from ${table};`).join('\n')}
    set session_replication_role = origin`)
