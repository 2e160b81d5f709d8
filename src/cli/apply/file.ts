// A tenant file: YAML or JSON, the entries of each kind in a list. Everything that is wrong with it
// is found at once, each fault with its line.

import path from 'node:path'
import { type Document, LineCounter, parseDocument } from 'yaml'
import { isObject } from '../../input/json.ts'
import { TENANT_PATTERN } from '../../input/tenant.ts'
import { type Tree, valueAt } from '../../input/tree.ts'
import { compileSchema } from '../../json-schema/compile.ts'
import { readNamedFile } from '../arguments.ts'
import { UsageError } from '../client.ts'
import { integrationKind } from './integration-kind.ts'
import type { EntryKind } from './kind.ts'
import { eventTypeKind, jobKind, subscriptionKind } from './other-kinds.ts'
import { isReference, resolveAll } from './reference.ts'

/** In the order in which entries are added: an event type before what its events reach. */
export const kinds: EntryKind[] = [eventTypeKind, integrationKind, subscriptionKind, jobKind]

const MOST_BYTES = 8 * 1024 * 1024

/** An entry; `index` is its number in its list. Only references to secrets are not resolved yet. */
export type Entry = { kind: EntryKind; index: number; id: string; tree: Tree }

export type TenantFile = {
  /** Of the file that references are relative to. */
  directory: string
  tenant: string | undefined
  /** The kinds that the file lists, even if a list is empty. */
  kinds: EntryKind[]
  entries: Entry[]
  /** A fault of an entry, with the file's name and the line of the field that it names first. */
  faultOf(entry: Entry, reason: string): string
}

type Fault = { at: (string | number)[]; reason: string }

/** Reads a file; - is standard input. Throws a UsageError that lists all faults. */
export function readTenantFile(file: string): TenantFile {
  return parseTenantFile(file === '-' ? 'standard input' : file, readText(file))
}

/** The same for the text of a file. */
export function parseTenantFile(name: string, text: string): TenantFile {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const problems = [...document.errors, ...document.warnings].map(
    ({ pos: [start], message }) => `${name}:${lines.linePos(start).line}: ${message}`,
  )
  if (problems.length > 0) throw new UsageError(problems.join('\n'))
  const sentence = ({ at, reason }: Fault) => `${name}:${lineOf(document, lines, at)}: ${reason}`

  const value = treeOfDocument(name, document)
  const faults = [...faultsOfShape(value), ...faultsOfEntries(value)]
  if (faults.length > 0) throw new UsageError(faults.map(sentence).join('\n'))
  const listed = kinds.filter(({ section }) => value[section] !== undefined)
  const directory = path.dirname(path.resolve(name))
  const faultOf = ({ kind, index, id }: Entry, reason: string) => {
    const [field = ''] = /^[\w.-]+/.exec(reason) ?? []
    const at = [kind.section, index, ...field.split('.')]
    return sentence({ at, reason: `${kind.noun} ${id}: ${reason}` })
  }
  const entries = listed.flatMap((kind) =>
    (value[kind.section] as Tree[]).map((tree, index) => {
      return { kind, index, id: String(tree[kind.idField]), tree: { ...kind.implied, ...tree } }
    }),
  )
  return {
    directory,
    tenant: value['tenant'] as string | undefined,
    kinds: listed,
    entries: mapEntries(entries, faultOf, (entry) => resolveEntry(entry, directory)),
    faultOf,
  }
}

/** Maps each entry. Throws a UsageError with the faults of all that cannot be mapped. */
export function mapEntries<To>(
  entries: Entry[],
  faultOf: TenantFile['faultOf'],
  map: (entry: Entry) => To,
): To[] {
  const faults: string[] = []
  const mapped = entries.flatMap((entry) => {
    try {
      return [map(entry)]
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      faults.push(faultOf(entry, error.message))
      return []
    }
  })
  if (faults.length > 0) throw new UsageError(faults.join('\n'))
  return mapped
}

/** Schemas may have any text. */
function resolveEntry(entry: Entry, directory: string): Entry {
  const { kind, tree } = entry
  if (kind.section === 'event_types') return entry
  const secrets = kind.secrets.map(({ field }) => field)
  return { ...entry, tree: resolveAll(tree, secrets, directory) }
}

function readText(file: string): string {
  const bytes = readNamedFile(file)
  if (bytes.length > MOST_BYTES) throw new UsageError(`${file} has more than ${MOST_BYTES} bytes.`)
  return bytes.toString('utf8')
}

function treeOfDocument(name: string, document: Document): Tree {
  try {
    const value: unknown = document.toJS()
    if (isObject(value)) return value as Tree
  } catch (error) {
    throw new UsageError(`${name}: ${(error as Error).message}`, { cause: error })
  }
  throw new UsageError(`${name}:1: is not an object with ${kinds.map(sectionOf).join(', ')}.`)
}

/** The line of a value; of what is around it, if it is missing. */
function lineOf(document: Document, lines: LineCounter, at: (string | number)[]): number {
  for (let length = at.length; length > 0; length--) {
    const node = document.getIn(at.slice(0, length), true) as { range?: number[] } | undefined
    const start = node?.range?.[0]
    if (start !== undefined) return lines.linePos(start).line
  }
  return 1
}

const sectionOf = ({ section }: EntryKind) => section

function faultsOfShape(value: Tree): Fault[] {
  const known = ['tenant', ...kinds.map(sectionOf)]
  const faults = Object.keys(value)
    .filter((key) => !known.includes(key))
    .map((key) => ({ at: [key], reason: `${key} is not one of ${known.join(', ')}` }))
  const { tenant = 'a' } = value
  if (typeof tenant !== 'string' || !RegExp(TENANT_PATTERN).test(tenant)) {
    faults.push({ at: ['tenant'], reason: 'tenant must be 1 to 63 letters, digits, _ and -' })
  }
  return faults
}

function faultsOfEntries(value: Tree): Fault[] {
  return kinds.flatMap((kind) => {
    const { section } = kind
    const list = value[section]
    if (list === undefined) return []
    if (!Array.isArray(list)) return [{ at: [section], reason: `${section} must be a list` }]
    const check = checkOf(kind)
    const known = new Set<unknown>()
    return list.flatMap((tree: unknown, index) => {
      const id = isObject(tree) ? (tree as Tree)[kind.idField] : undefined
      const name = id === undefined ? kind.noun : `${kind.noun} ${String(id)}`
      const at = [section, index]
      const faults = check(tree).map((fault) => ({
        at: [...at, ...fault.at],
        reason: `${name}: ${fault.reason}`,
      }))
      if (known.has(id)) faults.push({ at, reason: `${name} is in the file twice` })
      known.add(id)
      return faults
    })
  })
}

function checkOf(kind: EntryKind): (value: unknown) => Fault[] {
  // As JSON: typebox keeps notes of its own in a schema.
  const compiled = compileSchema(JSON.parse(JSON.stringify(kind.schema)), kind.section)
  if ('faults' in compiled) throw new Error(compiled.faults[0]?.message)
  const { check } = compiled
  return (value) => {
    const violations = check(value, JSON.stringify(value)?.length ?? 0)
    if (violations === 'too_expensive') return [{ at: [], reason: 'is too large' }]
    const tree = isObject(value) ? (value as Tree) : {}
    const faults = violations
      .map(({ pointer, reason }) => ({ at: keysOf(pointer), reason }))
      .filter(({ at }) => !isReference(valueAt(tree, at.join('.'))))
      .map(({ at, reason }) => ({ at, reason: `${at.join('.')} ${reason}`.trimStart() }))
    return [...faults, ...faultsOfSecrets(kind, tree)]
  }
}

function keysOf(pointer: string): string[] {
  const keys = pointer.split('/').slice(1)
  return keys.map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** A secret that stands in the file would be in backups and histories of it. */
function faultsOfSecrets({ secrets }: EntryKind, tree: Tree): Fault[] {
  return secrets.flatMap(({ field, shows }) => {
    const value = valueAt(tree, field)
    if (shows === 'names' || typeof value !== 'string' || value === '' || isReference(value)) {
      return []
    }
    const reason = `${field} must refer to its secret: \${env:NAME} or \${file:path}`
    return [{ at: field.split('.'), reason }]
  })
}
