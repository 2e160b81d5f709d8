// Schemas that are refused, each with a message that says where and why.

import { describe, expect, it } from 'vitest'
import { compileSchema } from '../../src/json-schema/compile.ts'

function faultsOf(schema: object): string[] {
  const compiled = compileSchema(schema, 'schema')
  return 'faults' in compiled ? compiled.faults.map(({ message }) => message) : []
}

describe('a schema is refused', () => {
  it.each([
    ['a misspelt keyword', { propertes: {} }, /schema\/propertes is not a keyword/],
    [
      'a keyword of another draft',
      { properties: { a: { nullable: true } } },
      /write type with "null"/,
    ],
    ['another draft', { $schema: 'http://json-schema.org/draft-07/schema#' }, /2020-12/],
    ['an unknown type', { type: 'decimal' }, /schema\/type must be one of/],
    ['a bound that is no number', { minimum: '3' }, /schema\/minimum must be a number/],
    ['an infinite bound', JSON.parse('{"maximum":1e400}'), /schema\/maximum .*beyond 64-bit/],
    ['an infinite value', JSON.parse('{"enum":[0,[-1e400]]}'), /schema\/enum\/1\/0 .*beyond/],
    ['a negative count', { maxItems: -1 }, /schema\/maxItems must be a whole number/],
    ['a list of items', { items: [{}] }, /prefixItems/],
    ['an empty anyOf', { anyOf: [] }, /at least one schema/],
    ['a schema that is a text', { not: 'x' }, /schema\/not must be a schema/],
    ['a reference over the network', { $ref: 'https://example.com/x' }, /points out of the schema/],
    ['a reference to a file', { $ref: 'file:///etc/passwd' }, /points out of the schema/],
    [
      'a reference to the draft itself',
      { $ref: 'https://json-schema.org/draft/2020-12/schema' },
      /points out/,
    ],
    ['a reference to nothing', { $ref: '#/$defs/a' }, /points to nothing/],
    ['a reference to no subschema', { $ref: '#/title', title: 'x' }, /points to nothing/],
    ['a reference that is none', { $ref: 'http://[' }, /not a reference/],
    ['a malformed escape', { $ref: '#/%zz' }, /not a reference/],
    ['an $id with a fragment', { $id: '#a' }, /schema\/\$id must be a URI/],
    [
      'an anchor twice',
      { $defs: { a: { $anchor: 'x' }, b: { $anchor: 'x' } } },
      /of another subschema/,
    ],
    ['a circle', { $ref: '#' }, /refers to itself/],
    [
      'a circle over several',
      { $ref: '#/$defs/a', $defs: { a: { allOf: [{ $ref: '#' }] } } },
      /itself/,
    ],
    ['a dynamic circle', { $dynamicAnchor: 'a', $dynamicRef: '#a' }, /refers to itself/],
    ['a pattern with lookahead', { pattern: '(?=a)' }, /schema\/pattern is not a pattern that RE2/],
    ['a pattern with a back-reference', { pattern: '(a)\\1' }, /RE2/],
    [
      'a broken pattern',
      { patternProperties: { '(': {} } },
      /schema\/patternProperties "\(" is not/,
    ],
    ['a huge pattern', { pattern: '(?:a{900}){2}' }, /too large|RE2/],
    ['a long pattern', { pattern: 'a'.repeat(257) }, /longer than 256/],
  ])('%s', (_, schema, message) => {
    expect(faultsOf(schema).join('\n')).toMatch(message)
  })

  it('for at most 20 faults', () => {
    const properties = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [n, { x: 1 }]))
    expect(faultsOf({ properties })).toHaveLength(20)
  })

  it('with too many subschemas, too deep a nest, too many patterns', () => {
    expect(faultsOf({ anyOf: Array(2_000).fill({}) }).join()).toMatch(/beyond the 2000 subschemas/)
    let deep: object = {}
    for (let level = 0; level < 64; level++) deep = { not: deep }
    expect(faultsOf(deep).join()).toMatch(/nested deeper than 64/)
    const patterns = Array.from({ length: 101 }, (_, n) => ({ pattern: `a${n}` }))
    expect(faultsOf({ anyOf: patterns }).join()).toMatch(/beyond the 100 patterns/)
    const large = Array.from({ length: 20 }, (_, n) => ({ pattern: `(?:a{30}){30}${n}` }))
    expect(faultsOf({ anyOf: large }).join()).toMatch(/too much, with all other patterns/)
  })
})
