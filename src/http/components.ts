// Named schemas: a schema with a title becomes a component of the document under that name, and is
// referenced wherever it is used. Generators make one model of it.

import { isDeepStrictEqual } from 'node:util'
import { isObject } from '../input/json.ts'

/** Keywords that contain values, not schemas. */
const VALUES = ['const', 'default', 'enum', 'example', 'examples', 'required']

export type Components = {
  /** The components so far, by name. */
  schemas: Record<string, object>
  /** The schema for the document: a reference if it has a title. */
  refer(schema: object): object
}

/** Collects named schemas. `refer` throws if two different schemas have the same title. */
export function createComponents(): Components {
  const schemas: Record<string, object> = {}
  return {
    schemas,
    // Through JSON, which drops typebox's own properties.
    refer: (schema) => referAll(JSON.parse(JSON.stringify(schema))) as object,
  }

  function referAll(schema: unknown): unknown {
    if (Array.isArray(schema)) return schema.map(referAll)
    if (!isObject(schema)) return schema
    const { title, ...whole } = Object.fromEntries(
      Object.entries(schema).map(([key, value]) => [key, referIn(key, value)]),
    )
    const shown = forGenerators(whole)
    if (typeof title !== 'string') return shown
    const known = schemas[title]
    if (known && !isDeepStrictEqual(known, shown))
      throw new Error(`Two schemas are named ${title}.`)
    schemas[title] = shown
    return { $ref: `#/components/schemas/${title}` }
  }

  function referIn(key: string, value: unknown): unknown {
    if (VALUES.includes(key)) return value
    if (key !== 'properties' || !isObject(value)) return referAll(value)
    // Its keys are names of fields, whatever they are.
    const fields = Object.entries(value).map(([name, of]) => [name, referAll(of)])
    return Object.fromEntries(fields)
  }
}

/**
 * The same schema for less capable generators: they need the type of an enum, and would turn a
 * pattern of names into an object without properties.
 */
function forGenerators(schema: Record<string, unknown>): Record<string, unknown> {
  const { patternProperties, ...rest } = schema
  if (Array.isArray(schema['enum']) && schema['type'] === undefined) {
    return { type: 'string', ...schema }
  }
  if (!isObject(patternProperties) || schema['additionalProperties'] !== false) return schema
  const [[pattern, values] = [], ...others] = Object.entries(patternProperties)
  if (others.length > 0) return schema
  return { ...rest, propertyNames: { pattern }, additionalProperties: values }
}
