// The history of the configuration over HTTP and in SQL in one form, so that they can be compared.

import type pg from 'pg'
import { expect } from 'vitest'
import { call } from '../../scripts/kit/client.ts'
import { positionOf, timeOf } from '../../src/log/position.ts'
import type { Json } from '../sql/rows.ts'

type Difference = { path: string; before?: unknown; after?: unknown }

export type Thing = Json & {
  kind: string
  id: string
  before: Json | null
  after: Json | null
  differences: Difference[]
}

/** Everything of a list, page by page; each thing comes once. */
export async function pagesOf(
  url: string,
  path: string,
  { tenant, field, cursor }: { tenant: string; field: string; cursor: 'before' | 'after' },
): Promise<Thing[]> {
  const found: Thing[] = []
  for (let next: unknown = undefined; ; ) {
    const start = next === undefined ? '' : `${path.includes('?') ? '&' : '?'}${cursor}=${next}`
    const { body, status } = await call<Json>(url + path + start, { headers: { tenant } })
    expect(status).toBe(200)
    found.push(...(body[field] as Thing[]))
    next = body['next'] ?? undefined
    if (next === undefined) return found
  }
}

type Entry = Json & { id: string; position: number; version: number; document: Json | null }

/** The changes of a tenant, oldest first, counted entry by entry, and as the audit tells them. */
export async function recount(pool: pg.Pool, tenant: string): Promise<Json[]> {
  const { rows } = await pool.query<Entry>(
    `select position, kind, id, version, action, status, actor, reason, document
     from masked_config_log where tenant = $1 or tenant = '*' order by position`,
    [tenant],
  )
  const latest = new Map<string, Entry>()
  return rows.flatMap((entry) => {
    const before = latest.get(entry.id)
    latest.set(entry.id, entry)
    if (before?.version === entry.version) return []
    const { position, document, ...change } = entry
    const name = (document ?? before?.document)?.['name']
    const documents = { before: before?.document ?? null, after: document }
    return [keepsPosition({ ...change, name, changed_at: timeOf(position), ...documents })]
  })
}

/** What the changes up to a moment leave, as the audit tells it. */
export function leftBy(changes: Json[], moment: string): Json[] {
  const until = positionOf(moment) as number
  const upTo = changes.filter(({ changed_at }) => Number(changed_at) <= until)
  return [...Map.groupBy(upTo, ({ id }) => id).values()].flatMap((own) => {
    const { actor, before: _, after, action: __, name: ___, ...last } = own.at(-1) ?? {}
    return last['status'] === 'removed' ? [] : [{ ...last, changed_by: actor, document: after }]
  })
}

/** The id of the config log. */
export function loggedId({ kind, id }: { kind?: unknown; id?: unknown }): string {
  return kind === 'integration' ? String(id) : `${kind}:${id}`
}

/** A row with its time as a position, and without a name that is missing. */
export function keepsPosition(row: Json): Json {
  const { changed_at, name, ...rest } = row
  const time = positionOf(String(changed_at).replace(' ', 'T'))
  expect(time).toBeGreaterThan(0)
  return { ...rest, changed_at: time, ...(typeof name === 'string' ? { name } : {}) }
}

/** The document after the differences; those of secrets say nothing. */
export function applied(document: Json, differences: Difference[]): Json {
  const changed = structuredClone(document)
  for (const { path, ...values } of differences) {
    const steps = path
      .slice(1)
      .split('/')
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    const last = steps.pop() as string
    const parent = steps.reduce((at, step) => at[step] as Json, changed)
    expect(parent[last]).toEqual(values.before)
    if ('after' in values) parent[last] = values.after
    else delete parent[last]
  }
  return changed
}
