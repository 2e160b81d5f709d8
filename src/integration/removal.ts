// Settings that an update takes away, with null as in a merge patch (RFC 7396). An update is
// checked and merged without them.

import { type TProperties, type TSchema, Type } from 'typebox'
import { isObject } from '../input/json.ts'
import { Nullable } from '../input/nullable.ts'
import { type Tree, valueAt, withoutPath } from '../input/tree.ts'

/** The settings that null takes away; each of the others has a value, or another way to lose it. */
const REMOVABLE = [
  'filter_conditions',
  'callback_parameters.api_key',
  's3_parameters.key_prefix',
  's3_parameters.endpoint',
  's3_parameters.force_path_style',
  's3_parameters.compression',
  'delivery.max_in_flight',
  'delivery.timeout_ms',
  'delivery.headers',
]

/** The schemas of settings under the path `before`: those that null takes away may be null. */
export function removable(fields: TProperties, before: string): TProperties {
  const entries = Object.entries(fields).map(([name, schema]): [string, TSchema] => {
    const isRemovable = REMOVABLE.includes(before + name)
    return [name, isRemovable ? Type.Optional(Nullable(schema)) : schema]
  })
  return Object.fromEntries(entries)
}

/** The body of an update without its nulls that take settings away, and the paths of those. */
export function withoutRemovals<Body>(sent: Body): { body: Body; removed: string[] } {
  const removed = isObject(sent) ? REMOVABLE.filter((path) => valueAt(sent, path) === null) : []
  return { body: without(sent as Body & Tree, removed), removed }
}

/** A document without these settings. */
export function without<Document extends Tree>(document: Document, removed: string[]): Document {
  return removed.reduce(withoutPath, document)
}
