// Values against schemas: what follows, and what breaks them. A selection for each keyword, after
// the JSON Schema Test Suite of draft 2020-12.

import { describe, expect, it } from 'vitest'
import { type Check, compileSchema } from '../../src/json-schema/compile.ts'

function checkOf(schema: object): Check {
  const compiled = compileSchema(schema, 'schema')
  if ('faults' in compiled) throw new Error(JSON.stringify(compiled.faults))
  return compiled.check
}

function violationsOf(schema: object, value: unknown): string[] | string {
  const checked = checkOf(schema)(value, JSON.stringify(value).length)
  return typeof checked === 'string'
    ? checked
    : checked.map(({ pointer, reason }) => `${pointer} ${reason}`)
}

type Case = [schema: object, follow: unknown[], breaking: unknown[]]

const list = { $defs: { item: { type: 'integer' } }, items: { $ref: '#/$defs/item' } }
const tree = {
  $id: 'https://example.com/tree',
  $dynamicAnchor: 'node',
  type: 'object',
  properties: { data: true, children: { items: { $dynamicRef: '#node' } } },
}
const strictTree = {
  $id: 'https://example.com/strict-tree',
  $dynamicAnchor: 'node',
  $ref: 'tree',
  unevaluatedProperties: false,
  $defs: { tree },
}

const cases: Record<string, Case> = {
  type: [{ type: 'integer' }, [1, 1.0, -3], [1.5, '1', null, true, [], {}]],
  'type as a list': [{ type: ['string', 'null'] }, ['', null], [0, {}, []]],
  'type number': [{ type: 'number' }, [1, 1.5], ['1', null]],
  'type object': [{ type: 'object' }, [{}], [[], null]],
  enum: [
    { enum: [1, 'a', { b: [1] }, null] },
    [1, 'a', { b: [1] }, null],
    [2, 'b', { b: [2] }, {}],
  ],
  'const, in any order of fields': [
    { const: { a: 1, b: [2] } },
    [{ b: [2], a: 1 }],
    [{ a: 1 }, { a: 1, b: [2], c: 3 }, [1, 2]],
  ],
  'const tells false from 0': [{ const: false }, [false], [0, [], null, '']],
  multipleOf: [{ multipleOf: 0.01 }, [19.99, 0, 1, 'a'], [0.001, 19.995]],
  maximum: [{ maximum: 3 }, [3, 2.9, 'x'], [3.1]],
  exclusiveMaximum: [{ exclusiveMaximum: 3 }, [2.9], [3]],
  minimum: [{ minimum: -2 }, [-2, 0], [-2.1]],
  exclusiveMinimum: [{ exclusiveMinimum: 0 }, [0.1], [0, -1]],
  'maxLength counts characters': [{ maxLength: 2 }, ['ab', '😀😀', 3], ['abc', '😀😀😀']],
  'minLength counts characters': [{ minLength: 2 }, ['ab', '😀😀', 3], ['a', '😀']],
  pattern: [{ pattern: '^[A-Z]{2}\\d+$' }, ['AB1', 5], ['ab1', 'AB', 'AB1 ']],
  'pattern is not anchored': [{ pattern: 'a+' }, ['xxaayy'], ['xx']],
  'pattern of code points': [{ pattern: '^.$' }, ['😀', 'a'], ['ab']],
  'format date-time': [
    { format: 'date-time' },
    ['2026-01-17T12:00:00Z', 1],
    ['2026-02-30T12:00:00Z', 'x'],
  ],
  'format date': [{ format: 'date' }, ['2026-01-17'], ['2026-13-01', '2026-1-1']],
  'format time': [{ format: 'time' }, ['12:00:00Z', '12:00:00.5+01:00'], ['25:00:00Z', '12:00']],
  'format uuid': [{ format: 'uuid' }, ['04d02325-f4ea-4a7b-bfeb-2ff74a0e1a0d'], ['04d02325']],
  'format email': [{ format: 'email' }, ['a@b.example'], ['a', 'a b@c']],
  'format uri': [{ format: 'uri' }, ['https://example.com/a?b#c', 'urn:a:b'], ['/a', 'a b:c']],
  'format ipv4 and ipv6': [
    { anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }] },
    ['10.0.0.1', '::1'],
    ['x'],
  ],
  'another format is a note': [{ format: 'iban' }, ['x'], []],
  items: [{ items: { type: 'integer' } }, [[1, 2], [], 'x'], [[1, 'a']]],
  'prefixItems, and items after them': [
    { prefixItems: [{ type: 'string' }, true], items: false },
    [['a'], ['a', 1], []],
    [[1], ['a', 1, 2]],
  ],
  contains: [
    { contains: { const: 1 }, minContains: 2, maxContains: 3 },
    [
      [1, 1],
      [1, 1, 1, 2],
    ],
    [[1], [1, 1, 1, 1]],
  ],
  'minContains 0': [{ contains: { const: 1 }, minContains: 0 }, [[], [2]], []],
  maxItems: [{ maxItems: 1 }, [[], [1], {}], [[1, 2]]],
  minItems: [{ minItems: 1 }, [[1]], [[]]],
  uniqueItems: [
    { uniqueItems: true },
    [[1, true, '1', { a: 1 }]],
    [
      [1, 1.0],
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
    ],
  ],
  properties: [{ properties: { a: { type: 'string' } } }, [{ a: '' }, { b: 1 }, []], [{ a: 1 }]],
  'fields like those of every object': [
    {
      required: ['toString'],
      properties: { __proto__: { type: 'string' }, constructor: { type: 'number' } },
    },
    [{ toString: 1, constructor: 2 }],
    [{}, { toString: 1, constructor: 'x' }],
  ],
  patternProperties: [
    { patternProperties: { '^x-': { type: 'integer' } } },
    [{ 'x-a': 1, b: '' }],
    [{ 'x-a': '' }],
  ],
  additionalProperties: [
    { properties: { a: true }, patternProperties: { '^x-': true }, additionalProperties: false },
    [{ a: 1, 'x-b': 2 }, {}],
    [{ c: 1 }],
  ],
  propertyNames: [{ propertyNames: { maxLength: 2 } }, [{ ab: 1 }], [{ abc: 1 }]],
  maxProperties: [{ maxProperties: 1 }, [{ a: 1 }, []], [{ a: 1, b: 2 }]],
  minProperties: [{ minProperties: 1 }, [{ a: 1 }], [{}]],
  required: [{ required: ['a', 'b'] }, [{ a: 1, b: null }, 1], [{ a: 1 }, {}]],
  dependentRequired: [{ dependentRequired: { a: ['b'] } }, [{ b: 1 }, { a: 1, b: 1 }], [{ a: 1 }]],
  dependentSchemas: [
    { dependentSchemas: { a: { required: ['b'] } } },
    [{}, { a: 1, b: 1 }],
    [{ a: 1 }],
  ],
  allOf: [{ allOf: [{ minimum: 1 }, { maximum: 3 }] }, [2], [0, 4]],
  anyOf: [{ anyOf: [{ type: 'string' }, { minimum: 3 }] }, ['', 3], [2]],
  oneOf: [{ oneOf: [{ type: 'integer' }, { minimum: 2 }] }, [1, 2.5], [3, 1.5]],
  not: [{ not: { type: 'integer' } }, ['a', 1.5], [1]],
  'if, then, else': [
    // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON Schema
    { if: { required: ['a'] }, then: { required: ['b'] }, else: { required: ['c'] } },
    [{ a: 1, b: 1 }, { c: 1 }],
    [{ a: 1 }, { b: 1 }],
  ],
  // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON Schema
  'then without if asks nothing': [{ then: false, else: false }, [1], []],
  'a boolean schema': [{ properties: { a: false, b: true } }, [{ b: 1 }], [{ a: 1 }]],
  $ref: [list, [[1]], [['a']]],
  'a reference to the whole': [
    { properties: { child: { $ref: '#' } }, required: ['id'] },
    [{ id: 1, child: { id: 2 } }],
    [{ id: 1, child: {} }],
  ],
  'a reference beside other keywords': [
    { $ref: '#/$defs/a', maximum: 3, $defs: { a: { minimum: 1 } } },
    [2],
    [0, 4],
  ],
  'a reference with escapes': [
    { $ref: '#/$defs/a~1b%25%20c', $defs: { 'a/b% c': { type: 'string' } } },
    ['x'],
    [1],
  ],
  'a reference to an anchor': [
    { $ref: '#a', $defs: { x: { $anchor: 'a', type: 'string' } } },
    ['x'],
    [1],
  ],
  'a reference to another $id': [
    {
      $id: 'https://example.com/order',
      properties: { to: { $ref: 'address' } },
      $defs: {
        address: { $id: 'address', $ref: '#/$defs/zip', $defs: { zip: { type: 'string' } } },
      },
    },
    [{ to: 'x' }],
    [{ to: 1 }],
  ],
  'a $ref that is a field': [
    { properties: { $ref: { type: 'string' } } },
    [{ $ref: 'a' }],
    [{ $ref: 2 }],
  ],
  $dynamicRef: [strictTree, [{ children: [{ data: 1 }] }], [{ children: [{ daat: 1 }] }, { x: 1 }]],
  'without a dynamic scope it is a $ref': [
    tree,
    [{ children: [{ daat: 1 }] }],
    [{ children: [1] }],
  ],
  unevaluatedProperties: [
    {
      properties: { a: true },
      allOf: [{ properties: { b: true } }],
      anyOf: [{ required: ['c'], properties: { c: true } }, true],
      unevaluatedProperties: false,
    },
    [{ a: 1, b: 2, c: 3 }, {}],
    [{ d: 1 }],
  ],
  'unevaluatedProperties after a branch that failed': [
    { if: { properties: { a: { const: 1 } }, required: ['a'] }, unevaluatedProperties: false },
    [{ a: 1 }, {}],
    [{ a: 2 }],
  ],
  'unevaluatedProperties does not see its cousins': [
    { allOf: [{ properties: { a: true } }, { unevaluatedProperties: false }] },
    [{}],
    [{ a: 1 }],
  ],
  'unevaluatedItems below not, and after a branch that failed': [
    {
      not: { unevaluatedItems: { const: 1 } },
      oneOf: [true, { items: false }],
      unevaluatedItems: { const: 2 },
    },
    [[2]],
    [[1], [3], []],
  ],
  'contains false': [{ contains: false }, [{}], [[], [1]]],
  unevaluatedItems: [
    { prefixItems: [true], contains: { type: 'string' }, unevaluatedItems: { type: 'integer' } },
    [[null, 'a', 1], ['a']],
    [[1, 'a', null]],
  ],
}

describe('a schema', () => {
  it.each(Object.entries(cases))('%s', (_, [schema, follow, breaking]) => {
    for (const value of follow) expect([value, violationsOf(schema, value)]).toEqual([value, []])
    for (const value of breaking) {
      expect([value, violationsOf(schema, value).length > 0]).toEqual([value, true])
    }
  })

  it('names each part that breaks it, by its pointer', () => {
    const schema = {
      type: 'object',
      required: ['id', 'lines'],
      properties: {
        id: { type: 'string' },
        lines: { items: { properties: { 'a/b': { minimum: 1 }, sku: { enum: ['A', 'B'] } } } },
      },
      additionalProperties: false,
    }
    const value = { lines: [{ 'a/b': 0 }, { sku: 'C' }], more: 1 }
    expect(violationsOf(schema, value)).toEqual([
      '/id is missing',
      '/lines/0/a~1b must be at least 1',
      '/lines/1/sku must be one of "A","B"',
      '/more is not allowed',
    ])
  })

  it('names at most ten', () => {
    const many = Array.from({ length: 100 }, () => 'x')
    expect(violationsOf({ items: { type: 'integer' } }, many)).toHaveLength(10)
  })

  it('says nothing of the branches that were tried', () => {
    const schema = { anyOf: [{ required: ['a'] }, { required: ['b'] }] }
    expect(violationsOf(schema, {})).toEqual([' follows none of the 2 schemas of anyOf'])
  })
})
