// The kinds of entries in a tenant file: their fields, and the requests that read and change them.
// A file names what it manages: a field that it does not name stays as it is.

import type { Tree } from '../../input/tree.ts'
import type { ServiceClient } from '../client.ts'

/** A field with a secret. Nobody can read it back, so it is sent only if there is a reason. */
export type Secret = {
  field: string
  /**
   * The part of it that the service shows: its names (of headers), whether it is set, or
   * nothing. In a current entry that is a list of names, true, or no field.
   */
  shows: 'names' | 'whether' | 'nothing'
  /** It goes with each change of this field: a stored secret never travels to another target. */
  target: string | undefined
}

/** An entry as the service has it: in the form of the file, and its version. */
export type FoundEntry = { tree: Tree; etag: string }

/** A change of an entry: the fields that differ, and the entry with its secrets in clear. */
export type EntryChange = { found: FoundEntry; changed: string[]; desired: Tree }

export type EntryKind = {
  /** Its list in the file. */
  section: string
  noun: string
  idField: 'id' | 'name'
  /** The JSON Schema of an entry. */
  schema: object
  /** Objects that are compared and sent whole. */
  whole: string[]
  /** Fields of a registration, which nobody can change. */
  fixed: string[]
  secrets: Secret[]
  /** Fields that an export omits: always, or if they have this value. */
  unwritten: [field: string, value?: unknown][]
  /** Fields that an entry has even if the file does not name them. */
  implied?: Tree
  /** All entries, as the file would name them. */
  list(client: ServiceClient): Promise<Tree[]>
  /** Undefined if there is none. */
  find(client: ServiceClient, id: string): Promise<FoundEntry | undefined>
  /** Why an entry cannot become the desired one, as the rest of a sentence. */
  refusal?(current: Tree, desired: Tree): string | undefined
  add(client: ServiceClient, desired: Tree): Promise<void>
  change(client: ServiceClient, id: string, change: EntryChange): Promise<void>
  remove(client: ServiceClient, id: string, etag: string): Promise<void>
}
