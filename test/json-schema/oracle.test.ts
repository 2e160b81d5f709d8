// Random schemas and values, judged here and by ajv, which compiles a schema in another way. Two
// keywords have cases in compile.test.ts only, because ajv 8.18 strays from the draft: it lets []
// pass beside prefixItems and contains, and unevaluatedItems counts branches that failed.

import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compileSchema } from '../../src/json-schema/compile.ts'

const names = fc.constantFrom('a', 'b', 'c')
const scalars = fc.constantFrom<unknown>(null, true, false, 0, 1, 2, 1.5, -1, '', 'a', 'ab', '😀')
const values = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalars,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(names, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value

const count = fc.integer({ min: 0, max: 3 })
const types = ['null', 'boolean', 'object', 'array', 'number', 'string', 'integer']
const pattern = fc.constantFrom('a', '^a$', '^[ab]*$', '.')

const schemas = fc.letrec<{ schema: unknown; object: object }>((tie) => {
  const sub = tie('schema')
  const subs = fc.array(sub, { minLength: 1, maxLength: 3 })
  const named = fc.dictionary(names, sub, { maxKeys: 3 })
  return {
    schema: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      fc.boolean(),
      fc.constantFrom({ $ref: '#/$defs/a' }, { $ref: '#/$defs/b' }, { $ref: '#in-c' }),
      tie('object'),
    ),
    object: someOf({
      type: fc.oneof(
        fc.constantFrom(...types),
        fc.uniqueArray(fc.constantFrom(...types), { minLength: 1 }),
      ),
      const: values,
      enum: fc.uniqueArray(scalars, { minLength: 1, maxLength: 4 }),
      minimum: count,
      exclusiveMaximum: count,
      multipleOf: fc.constantFrom(1, 2, 0.5),
      minLength: count,
      maxLength: count,
      pattern,
      minItems: count,
      maxItems: count,
      uniqueItems: fc.boolean(),
      items: sub,
      contains: tie('object'),
      minContains: count,
      maxContains: count,
      properties: named,
      patternProperties: fc.dictionary(pattern, sub, { maxKeys: 2 }),
      additionalProperties: sub,
      propertyNames: sub,
      required: fc.uniqueArray(names),
      minProperties: count,
      maxProperties: count,
      dependentRequired: fc.dictionary(names, fc.uniqueArray(names), { maxKeys: 2 }),
      dependentSchemas: named,
      allOf: subs,
      anyOf: subs,
      oneOf: subs,
      not: sub,
      if: sub,
      // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON Schema
      then: sub,
      else: sub,
      unevaluatedProperties: sub,
    }),
  }
})

/** An object with a few of these keywords. */
function someOf(keywords: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<object> {
  const single = Object.entries(keywords).map(([keyword, given]) =>
    given.map((value) => ({ [keyword]: value })),
  )
  return fc.array(fc.oneof(...single), { maxLength: 4 }).map((all) => Object.assign({}, ...all))
}

/** `$defs` that refer to later ones only, so that there are no circles. */
const whole = fc
  .record({ root: schemas.object, a: schemas.object, b: scalarSchema(), c: scalarSchema() })
  .map(({ root, a, b, c }) => ({
    ...root,
    $defs: { a: withoutReferences(a), b, c: { ...c, $anchor: 'in-c' } },
  }))

function scalarSchema() {
  return fc.record({ type: fc.constantFrom(...types), minimum: count }, { requiredKeys: [] })
}

function withoutReferences(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll(/\{"\$ref":"[^"]*"\}/g, 'true'))
}

/** Undefined: the code that ajv makes of a few schemas with unevaluatedProperties throws. */
function judgedBy(judge: (value: unknown) => unknown, value: unknown): boolean | undefined {
  try {
    return judge(value) === true
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

it('judges values as ajv does', () => {
  const outcomes = { valid: 0, invalid: 0 }
  fc.assert(
    fc.property(whole, fc.array(values, { minLength: 1, maxLength: 6 }), (schema, given) => {
      const compiled = compileSchema(schema, 'schema')
      if ('faults' in compiled) throw new Error(JSON.stringify(compiled.faults))
      const ajv = new Ajv2020({ strict: false, validateSchema: false, unicodeRegExp: true })
      const judge = ajv.compile(schema)
      for (const value of given) {
        const isValid = judgedBy(judge, value)
        if (isValid === undefined) continue
        outcomes[isValid ? 'valid' : 'invalid']++
        expect(compiled.check(value, 1_000).length === 0, JSON.stringify(value)).toBe(isValid)
      }
    }),
    { numRuns: Number(process.env['RUNS'] ?? 400), interruptAfterTimeLimit: 60_000 },
  )
  expect(Math.min(outcomes.valid, outcomes.invalid)).toBeGreaterThan(100)
}, 120_000)
