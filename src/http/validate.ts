// Checks a value against a typebox schema and names what is wrong in words: the field by its path,
// and the rule. Every body passes here, so this is where text that Postgres cannot keep is refused.

import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Format } from 'typebox/format'
import { type Fault, fault, invalid } from '../errors.ts'
import { isObject } from '../json.ts'
import { faultOfText } from '../text.ts'
import { microsecondsOf } from '../time.ts'

// The format's own check takes leap seconds.
Format.Set('date-time', (text) => microsecondsOf(text) !== undefined)

/**
 * A check that returns the value typed, or throws `invalid_request` whose message and details name
 * every fault. `textsOf` picks what is kept as text, if that is not the whole value. The schema is
 * compiled with the first value: all of them together would take a part of each start.
 */
export function compile<Schema extends TSchema>(
  schema: Schema,
  textsOf: (value: Static<Schema>) => unknown = (value) => value,
): (value: unknown) => Static<Schema> {
  let validator: ReturnType<typeof Compile<Schema>> | undefined
  return (value) => {
    validator ??= Compile(schema)
    if (!validator.Check(value)) throw invalid([...validator.Errors(value)].flatMap(faultsOf))
    const checked = value as Static<Schema>
    const faults = faultsOfTexts(textsOf(checked), '')
    if (faults.length > 0) throw invalid(faults)
    return checked
  }
}

/** Texts, keys among them, that Postgres would refuse or change. */
function faultsOfTexts(value: unknown, field: string): Fault[] {
  if (typeof value === 'string') {
    const reason = faultOfText(value)
    return reason ? [fault(field || 'body', 'invalid', reason)] : []
  }
  if (!isObject(value) && !Array.isArray(value)) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    const child = field ? `${field}.${key}` : key
    const reason = faultOfText(key)
    return reason ? [fault(child, 'invalid', reason)] : faultsOfTexts(inner, child)
  })
}

type SchemaError = ReturnType<ReturnType<typeof Compile>['Errors']>[number]

function faultsOf(error: SchemaError): Fault[] {
  const field = error.instancePath.slice(1).replaceAll('/', '.') || 'body'
  const child = (name: string) => (field === 'body' ? name : `${field}.${name}`)
  switch (error.keyword) {
    case 'required':
      return error.params.requiredProperties.map((name) =>
        fault(child(name), 'required', 'is missing'),
      )
    case 'additionalProperties':
      return error.params.additionalProperties.map((name) =>
        fault(child(name), 'unknown', 'is not known'),
      )
    case 'boolean':
      return [] // said again, as additionalProperties, by its parent
    case 'enum':
      return [fault(field, 'enum', `must be one of ${error.params.allowedValues.join(', ')}`)]
    case 'format':
      return [fault(field, 'format', reasonOfFormat(error.params.format))]
    default:
      return [fault(field, error.keyword, error.message)]
  }
}

function reasonOfFormat(format: string): string {
  if (format === 'date-time') return 'must be a time like 2026-01-17T12:00:00.000Z'
  return format === 'uri' ? 'must be an absolute URL' : `must match the format ${format}`
}
