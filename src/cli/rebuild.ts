// millrace rebuild: builds the projections of a log again, and compares them with the tables;
// --apply replaces the tables. rebuild-config.ts does it for the config log. Here it is the shop of
// a tenant, from its events.

import { openDatabase } from '../db/pool.ts'
import { isTenant } from '../input/tenant.ts'
import { createLogger } from '../logger.ts'
import { type ComparedTable, rebuildShop } from '../notification/shop/rebuild.ts'
import { UsageError } from './client.ts'

type ShopCall = { tenant: string; apply: boolean }
type RebuildCall = ({ what: 'config' } & Omit<ShopCall, 'tenant'>) | ({ what: 'shop' } & ShopCall)

/** The help of the command. */
export const REBUILD_HELP = `millrace rebuild config [--apply]
millrace rebuild shop <tenant> [--apply]`

/** Parses the command line. Throws a UsageError. */
export function readRebuild(args: string[]): RebuildCall {
  const apply = args.includes('--apply')
  const [what, tenant, ...more] = args.filter((arg) => arg !== '--apply')
  if (what === 'config' && tenant === undefined) return { what, apply }
  if (what === 'shop' && tenant !== undefined && isTenant(tenant) && more.length === 0) {
    return { what, tenant, apply }
  }
  throw new UsageError(problemOf(args) + REBUILD_HELP)
}

/** A sentence about the first unknown argument; empty if every one is known. */
function problemOf([what, ...rest]: string[]): string {
  const unknown =
    what === 'config' || what === 'shop'
      ? rest.find((arg) => arg.startsWith('--') && arg !== '--apply')
      : what
  return unknown === undefined ? '' : `There is no \`${unknown}\`.\n\n`
}

/**
 * Rebuilds, and prints a line for each table. Returns whether all is well: both sides are equal, or
 * the rebuilt ones were stored.
 */
export async function rebuild(
  url: string,
  { tenant, apply }: ShopCall,
  print: (line: string) => void,
): Promise<boolean> {
  const logger = createLogger('warn')
  const database = openDatabase(url, { durability: 'durable', max: 1, logger })
  try {
    const compared = await rebuildShop(database.kysely, tenant, { apply })
    if (!compared) {
      print(`The tenant ${tenant} has no projections: it never had a notification job.`)
      return false
    }
    for (const line of linesOf(compared)) print(line)
    const isSame = compared.every(({ missing, extra }) => missing === 0 && extra === 0)
    if (apply) print('The rebuilt rows were stored.')
    else print(isSame ? 'Both are the same.' : 'They differ; --apply stores the rebuilt rows.')
    return isSame || apply
  } finally {
    await database.close()
  }
}

function linesOf(compared: ComparedTable[]): string[] {
  const columns = ['rebuilt', 'missing', 'extra', 'older'] as const
  const head = ['table'.padEnd(16), ...columns.map((name) => name.padStart(9))].join('')
  return [
    head,
    ...compared.map((row) =>
      [row.table.padEnd(16), ...columns.map((name) => String(row[name]).padStart(9))].join(''),
    ),
  ]
}
