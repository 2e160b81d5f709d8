// The difference between a tenant file and the service, as the steps that remove it.

import { isDeepStrictEqual } from 'node:util'
import { leavesOf, type Tree, valueAt } from '../../input/tree.ts'
import { type ServiceClient, UsageError } from '../client.ts'
import { type Entry, mapEntries, type TenantFile } from './file.ts'
import type { EntryKind, FoundEntry, Secret } from './kind.ts'

/** One field of a step. A secret has no values. */
export type FieldChange = { field: string; from?: unknown; to?: unknown; secret?: true }

export type ApplyStep =
  | { action: 'add'; kind: EntryKind; id: string; entry: Entry; fields: FieldChange[] }
  | {
      action: 'change'
      kind: EntryKind
      id: string
      entry: Entry
      fields: FieldChange[]
      found: FoundEntry
    }
  | { action: 'remove'; kind: EntryKind; id: string; fields: FieldChange[]; found: FoundEntry }

export type ApplyPlan = {
  steps: ApplyStep[]
  /** Entries of the service that the file does not name, if they stay. */
  unnamed: { kind: EntryKind; id: string }[]
  /** How many entries have a secret that is not sent. */
  withStoredSecrets: number
}

/**
 * `prune`: entries that the file does not name are removed, of the kinds that it lists. `rotate`:
 * all secrets of the file are sent.
 */
type PlanOptions = { prune: boolean; rotate: boolean }

type Compared = { entry: Entry; found: FoundEntry | undefined; fields: FieldChange[] }

/** Reads what is there, and compares. Throws a UsageError for what cannot be changed. */
export async function planOf(
  client: ServiceClient,
  file: TenantFile,
  { prune, rotate }: PlanOptions,
): Promise<ApplyPlan> {
  const compared: Compared[] = []
  const removed: ApplyStep[] = []
  const unnamed: ApplyPlan['unnamed'] = []
  for (const kind of file.kinds) {
    const current = new Map(
      (await kind.list(client)).map((tree) => [String(tree[kind.idField]), tree]),
    )
    const entries = file.entries.filter((entry) => entry.kind === kind)
    for (const entry of entries) {
      compared.push(await compareEntry(client, entry, current.get(entry.id), rotate))
      current.delete(entry.id)
    }
    for (const id of current.keys()) {
      const found = prune ? await kind.find(client, id) : undefined
      if (found) removed.unshift({ action: 'remove', kind, id, found, fields: [] })
      else unnamed.push({ kind, id })
    }
  }
  refuseImpossible(file, compared)
  // Removed last: who renames an integration may get an event twice, but misses none.
  const steps = [...compared.flatMap(stepOf), ...removed]
  return { steps, unnamed, withStoredSecrets: compared.filter(hasStoredSecret).length }
}

/** Reads the entry itself if it seems to differ: its version belongs to what is compared. */
async function compareEntry(
  client: ServiceClient,
  entry: Entry,
  listed: Tree | undefined,
  rotate: boolean,
): Promise<Compared> {
  const { kind, id } = entry
  if (listed && fieldsOf(entry, listed, rotate).length === 0) {
    return { entry, found: { tree: listed, etag: '' }, fields: [] }
  }
  const found = await kind.find(client, id)
  return { entry, found, fields: fieldsOf(entry, found?.tree, rotate) }
}

/** The fields in which the file differs from the current entry; all of them if there is none. */
function fieldsOf(
  { kind, tree }: Pick<Entry, 'kind' | 'tree'>,
  current: Tree | undefined,
  rotate: boolean,
): FieldChange[] {
  const secrets = new Map(kind.secrets.map((secret) => [secret.field, secret]))
  const leaves = leavesOf(tree, [...kind.whole, ...secrets.keys()])
  const plain = leaves
    .filter(([field]) => field !== kind.idField && !secrets.has(field))
    .map(([field, to]) => ({ field, from: current && valueAt(current, field), to }))
    .filter(({ field, from, to }) => !isSame(field, from, to))
  const moves = (target: string | undefined) =>
    target !== undefined && plain.some(({ field }) => field.startsWith(`${target}.`))
  const sent = leaves.flatMap(([field, value]): FieldChange[] => {
    const secret = secrets.get(field)
    if (!secret) return []
    const isMissing = !current || isUnset(secret, valueAt(current, field), value)
    return isMissing || rotate || moves(secret.target) ? [{ field, secret: true }] : []
  })
  return [...plain, ...sent]
}

/** Times may be spelt differently; null is a setting that is not there. */
function isSame(field: string, from: unknown, to: unknown): boolean {
  if (field === 'starts_at' && typeof from === 'string' && typeof to === 'string') {
    return Date.parse(from) === Date.parse(to)
  }
  return isDeepStrictEqual(from ?? null, to ?? null)
}

/** Whether the service shows that a secret is not set, or that it has other names. */
function isUnset({ shows }: Secret, current: unknown, value: unknown): boolean {
  if (shows === 'nothing') return false
  if (shows === 'whether') return current === undefined
  const names = Object.keys(value as Tree)
  return !isDeepStrictEqual(((current ?? []) as string[]).toSorted(), names.sort())
}

function refuseImpossible(file: TenantFile, compared: Compared[]): void {
  const byEntry = new Map(compared.map((one) => [one.entry, one]))
  mapEntries([...byEntry.keys()], file.faultOf, (entry) => {
    const { found, fields } = byEntry.get(entry) as Compared
    if (!found) return
    const { kind } = entry
    const fixed = fields.find(({ field }) => kind.fixed.includes(field))
    if (fixed) {
      const rule = `is ${String(fixed.from ?? 'not set')} in the service, and cannot be changed`
      throw new UsageError(`${fixed.field} ${rule}`)
    }
    const refusal = kind.refusal?.(found.tree, entry.tree)
    if (refusal) throw new UsageError(refusal)
  })
}

function stepOf({ entry, found, fields }: Compared): ApplyStep[] {
  const { kind, id } = entry
  if (!found) return [{ action: 'add', kind, id, entry, fields }]
  return fields.length > 0 ? [{ action: 'change', kind, id, entry, found, fields }] : []
}

function hasStoredSecret({ entry: { kind, tree }, fields }: Compared): boolean {
  const sent = new Set(fields.filter(({ secret }) => secret).map(({ field }) => field))
  return kind.secrets.some(({ field }) => valueAt(tree, field) !== undefined && !sent.has(field))
}
