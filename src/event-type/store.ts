// The registered types in memory, by tenant: bounded in bytes, least recently used first out. A
// schema is compiled with its first event, and stays compiled as long as its version does.

import { limits } from '../config.ts'
import { isObject } from '../input/json.ts'
import { type Check, compileSchema } from '../json-schema/compile.ts'
import type { StoredType } from './registered.ts'

/** The weight of an entry beside its schemas. */
const ENTRY_BYTES = 256

/** A type that a tenant has registered. */
export type RegisteredType = {
  version: number
  onViolation: StoredType['on_violation']
  check: Check
}
export type Types = Map<string, RegisteredType>
type Entry = { types: Types; bytes: number; until: number }

const NOTHING: Types = new Map()

/** An empty store. `until` is a time of performance.now(). */
export function createTypeStore() {
  /** In order of use, least recent first. */
  const entries = new Map<string, Entry>()
  let bytes = 0

  return { find, remember, typesOf, extend, drop }

  function find(tenant: string): Entry | undefined {
    const entry = entries.get(tenant)
    if (!entry) return undefined
    entries.delete(tenant)
    entries.set(tenant, entry)
    return entry
  }

  function remember(tenant: string, stored: StoredType[], until: number): Types {
    const types = typesOf(tenant, stored)
    drop(tenant)
    const weights = stored.map(({ name, schema }) => name.length + schema.length)
    const weight = weights.reduce((sum, one) => sum + one, ENTRY_BYTES)
    entries.set(tenant, { types, bytes: weight, until })
    bytes += weight
    for (const oldest of entries.keys()) {
      if (bytes <= limits.cachedTypesBytes || oldest === tenant) break
      drop(oldest)
    }
    return types
  }

  /** The types for use; those whose version is in the store already stay as they are. */
  function typesOf(tenant: string, stored: StoredType[]): Types {
    if (stored.length === 0) return NOTHING
    const known = entries.get(tenant)?.types
    return new Map(
      stored.map((one) => {
        const same = known?.get(one.name)
        return [one.name, same?.version === one.version ? same : typeOf(one)]
      }),
    )
  }

  function extend(tenant: string, until: number): void {
    const entry = entries.get(tenant)
    if (entry) entry.until = Math.max(entry.until, until)
  }

  function drop(tenant: string): void {
    bytes -= entries.get(tenant)?.bytes ?? 0
    entries.delete(tenant)
  }
}

function typeOf({ name, version, on_violation, schema }: StoredType): RegisteredType {
  let compiled: Check | undefined
  return {
    version,
    onViolation: on_violation,
    check(value, bytes) {
      compiled ??= checkOf(name, schema)
      return compiled(value, bytes)
    },
  }
}

/** Throws if an older version of the program took a schema that this one refuses. */
function checkOf(name: string, text: string): Check {
  const schema: unknown = JSON.parse(text)
  const compiled = isObject(schema) ? compileSchema(schema, 'schema') : { faults: [] }
  if ('check' in compiled) return compiled.check
  const reason = compiled.faults[0]?.message
  throw new Error(`The registered schema of ${name} is not one: ${reason}. Register it anew.`)
}
