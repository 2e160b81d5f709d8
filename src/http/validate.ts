// Checks a value against a typebox schema, and words its faults: the field by its path, and the
// rule. Every body passes here, so text that Postgres cannot store is refused here, too. Wording is
// far slower than checking: it is for small bodies only, and typebox stops after eight faults.

import type { Static, TSchema } from 'typebox'
import type { Compile } from 'typebox/compile'
import { type Fault, fault, invalid } from '../errors.ts'
import { isObject } from '../input/json.ts'
import { ruleOfPattern } from '../input/pattern.ts'
import { faultOfText } from '../input/text.ts'
import { microsecondsOf } from '../input/time.ts'
import { typebox } from '../lazy.ts'

/**
 * The most entries of a list or object for which faults are worded: twice what any list may have.
 */
const MOST_ENTRIES = 2_000

/** The compiler of schemas, loaded with the first value. */
function compiler(): typeof Compile {
  // The format's own check accepts leap seconds.
  typebox.format().Set('date-time', (text) => microsecondsOf(text) !== undefined)
  return typebox.compile().Compile
}

/**
 * A check that returns the typed value, or throws `invalid_request` with all faults. `textsOf`
 * picks the parts that are stored as text; default: the whole value. The schema is compiled at the
 * first value: compiling all of them would slow each start.
 */
export function compile<Schema extends TSchema>(
  schema: Schema,
  textsOf: (value: Static<Schema>) => unknown = (value) => value,
): (value: unknown) => Static<Schema> {
  let validator: ReturnType<typeof Compile<Schema>> | undefined
  return (value) => {
    validator ??= compiler()(schema)
    if (!validator.Check(value)) {
      const crowded = crowdedIn(value, '')
      throw invalid(crowded ? [crowded] : validator.Errors(value).flatMap(faultsOf))
    }
    const checked = value as Static<Schema>
    const faults = faultsOfTexts(textsOf(checked), '')
    if (faults.length > 0) throw invalid(faults)
    return checked
  }
}

/** In a wrong value: a list or object that is too large to search for faults. */
function crowdedIn(value: unknown, field: string): Fault | undefined {
  if (!isObject(value) && !Array.isArray(value)) return undefined
  const entries = Object.entries(value)
  if (entries.length > MOST_ENTRIES) {
    const rule = `has more than ${MOST_ENTRIES} entries, and the body is not valid`
    return fault(field || 'body', 'invalid', `${rule}: send fewer to get the reason`)
  }
  for (const [key, inner] of entries) {
    const crowded = crowdedIn(inner, field ? `${field}.${key}` : key)
    if (crowded) return crowded
  }
  return undefined
}

/** Texts, keys included, that Postgres would refuse or change. */
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
  const path = error.instancePath.slice(1).replaceAll('/', '.')
  const field = path.replaceAll('~1', '/').replaceAll('~0', '~') || 'body'
  const child = (name: string) => (field === 'body' ? name : `${field}.${name}`)
  switch (error.keyword) {
    case 'required':
      return error.params.requiredProperties.map((name) =>
        fault(child(name), 'required', 'is missing'),
      )
    case 'boolean':
      return [fault(field, 'unknown', 'is not known')]
    case 'additionalProperties':
      return [] // reported for each one, unless typebox has reported enough
    case 'enum':
      return [fault(field, 'enum', `must be one of ${error.params.allowedValues.join(', ')}`)]
    case 'format':
      return [fault(field, 'format', reasonOfFormat(error.params.format))]
    case 'pattern':
      return [fault(field, 'pattern', `must ${ruleOfPattern(String(error.params.pattern))}`)]
    default:
      return [fault(field, error.keyword, error.message)]
  }
}

function reasonOfFormat(format: string): string {
  if (format === 'date-time') return 'must be a time like 2026-01-17T12:00:00.000Z'
  return format === 'uri' ? 'must be an absolute URL' : `must match the format ${format}`
}
