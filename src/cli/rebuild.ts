// millrace rebuild: builds the projections of a log again, and compares them with the tables;
// --apply replaces the tables. rebuild-config.ts does it for the config log. Here it is the shop of
// a tenant, from its events.

import { openDatabase } from '../db/pool.ts'
import { isTenant } from '../input/tenant.ts'
import { createLogger } from '../logger.ts'
import { type ComparedTable, rebuildShop } from '../notification/shop/rebuild.ts'
import { UsageError } from './client.ts'
import type { Show } from './output.ts'

type Options = { apply: boolean; json: boolean }
type RebuildCall = Options & ({ what: 'config' } | { what: 'shop'; tenant: string })

const FLAGS = ['--apply', '--json']

/** The help of the command. */
export const REBUILD_HELP = `millrace rebuild config [--apply] [--json]
millrace rebuild shop <tenant> [--apply] [--json]

--apply stores what was rebuilt. --json prints JSON, one value a line, for programs.`

/** Parses the command line. Throws a UsageError. */
export function readRebuild(args: string[]): RebuildCall {
  const options = { apply: args.includes('--apply'), json: args.includes('--json') }
  const [what, tenant, ...more] = args.filter((arg) => !FLAGS.includes(arg))
  if (what === 'config' && tenant === undefined) return { what, ...options }
  if (what === 'shop' && tenant !== undefined && isTenant(tenant) && more.length === 0) {
    return { what, tenant, ...options }
  }
  throw new UsageError(problemOf(args) + REBUILD_HELP)
}

/** A sentence about the first unknown argument; empty if every one is known. */
function problemOf([what, ...rest]: string[]): string {
  const unknown =
    what === 'config' || what === 'shop'
      ? rest.find((arg) => arg.startsWith('--') && !FLAGS.includes(arg))
      : what
  return unknown === undefined ? '' : `There is no \`${unknown}\`.\n\n`
}

/**
 * Rebuilds, and shows each table, and whether both sides are the same. Returns whether all is well:
 * both sides are equal, or the rebuilt ones were stored.
 */
export async function rebuild(
  url: string,
  { tenant, apply }: { tenant: string; apply: boolean },
  show: Show,
): Promise<boolean> {
  const logger = createLogger('warn')
  const database = openDatabase(url, { durability: 'durable', max: 1, logger })
  try {
    const compared = await rebuildShop(database.kysely, tenant, { apply })
    if (!compared) {
      const reason = `The tenant ${tenant} has no projections: it never had a notification job.`
      show({ same: false, stored: false, reason }, () => [reason])
      return false
    }
    for (const [index, row] of compared.entries()) {
      show(row, () => (index === 0 ? [HEAD, lineOf(row)] : [lineOf(row)]))
    }
    const same = compared.every(({ missing, extra }) => missing === 0 && extra === 0)
    show({ same, stored: apply }, () => {
      if (apply) return ['The rebuilt rows were stored.']
      return [same ? 'Both are the same.' : 'They differ; --apply stores the rebuilt rows.']
    })
    return same || apply
  } finally {
    await database.close()
  }
}

const COLUMNS = ['rebuilt', 'missing', 'extra', 'older'] as const
const HEAD = ['table'.padEnd(16), ...COLUMNS.map((name) => name.padStart(9))].join('')

function lineOf(row: ComparedTable): string {
  return [row.table.padEnd(16), ...COLUMNS.map((name) => String(row[name]).padStart(9))].join('')
}
