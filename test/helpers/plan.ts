// What a statement reads, by its plan as it ran.

import { CompiledQuery, type RawBuilder } from 'kysely'
import { onlyRow } from '../../src/db/only-row.ts'
import type { Db } from '../../src/db/pool.ts'

/** A node that has run. */
type Node = {
  'Node Type': string
  'Relation Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  Plans?: Node[]
}

const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)]

/** Runs a query; the nodes of its plan that have read relations with such names. */
export async function scansOf(db: Db, query: RawBuilder<unknown>, relation: RegExp) {
  const { sql: text, parameters } = query.compile(db)
  const bare = text.replace(/\/\* prepared: \w+ \*\//, '')
  const explain = CompiledQuery.raw(`explain (analyze, format json) ${bare}`, [...parameters])
  const result = await db.executeQuery<{ 'QUERY PLAN': string }>(explain)
  const [{ Plan: plan }]: [{ Plan: Node }] = JSON.parse(onlyRow(result)['QUERY PLAN'])
  return nodesOf(plan).filter(
    (node) => relation.test(node['Relation Name'] ?? '') && node['Actual Loops'] > 0,
  )
}

/** The rows that they have read, those that a filter removed too. */
export const rowsOf = (scans: Node[]): number =>
  scans.reduce(
    (sum, node) =>
      sum + (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'],
    0,
  )

/** Their types, such as `Index Scan`. */
export const typesOf = (scans: Node[]): Set<string> => new Set(scans.map((one) => one['Node Type']))
