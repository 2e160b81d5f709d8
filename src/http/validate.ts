// Checks a value against a typebox schema and names what is wrong in words: the field by its path,
// and the rule.

import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { type Fault, fault, invalid } from '../errors.ts'

/**
 * A check that returns the value typed, or throws `invalid_request` whose message and details name
 * every fault. The schema is compiled with the first value: all of them together would take a part
 * of each start.
 */
export function compile<Schema extends TSchema>(
  schema: Schema,
): (value: unknown) => Static<Schema> {
  let validator: ReturnType<typeof Compile<Schema>> | undefined
  return (value) => {
    validator ??= Compile(schema)
    if (validator.Check(value)) return value as Static<Schema>
    throw invalid([...validator.Errors(value)].flatMap(faultsOf))
  }
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
    default:
      return [fault(field, error.keyword, error.message)]
  }
}
