// Schemas and values that ask for more work than anybody should do. Each check ends within its
// budget: the bounds here are CPU time of this process, ten times what it took on an idle machine.

import { describe, expect, it } from 'vitest'
import { compileSchema } from '../../src/json-schema/compile.ts'

const numbered = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n))

function cpuMs(act: () => unknown): number {
  const before = process.cpuUsage()
  act()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

function check(schema: object, value: unknown): unknown {
  const compiled = compileSchema(schema, 'schema')
  if ('faults' in compiled) throw new Error(JSON.stringify(compiled.faults))
  return compiled.check(value, JSON.stringify(value).length)
}

const doubling = {
  $ref: '#/$defs/a0',
  $defs: Object.fromEntries(
    numbered(60, (n) => {
      const next = { $ref: `#/$defs/a${n + 1}` }
      return [`a${n}`, n === 59 ? true : { allOf: [next, next] }]
    }),
  ),
}
const twice = { properties: { x: { $ref: '#' } } }
const recursive = { allOf: [twice, twice] }
let nested: object = {}
for (let level = 0; level < 200; level++) nested = { x: nested }
let long: object = { type: 'object' }
const chain: Record<string, object> = {}
for (let n = 0; n < 1_500; n++) {
  chain[`c${n}`] = long
  long = { $ref: `#/$defs/c${n}` }
}
const fields = Object.fromEntries(numbered(50_000, (n) => [`a${n}`, 1]))
/** No period, so that RE2 meets ever new states. */
const ragged = (length: number) => {
  let state = 1
  return numbered(length, () => {
    state = (state * 48_271) % 2_147_483_647
    return state % 2 ? 'a' : 'b'
  }).join('')
}

const tooExpensive: [string, object, unknown][] = [
  ['references that double sixty times', doubling, {}],
  ['a recursion that doubles at each level', recursive, nested],
  [
    'a thousand schemas for each of 500,000 numbers',
    { items: { allOf: numbered(1_000, () => ({ type: 'number' })) } },
    numbered(500_000, () => 1),
  ],
  [
    'a chain of 1,500 references at each level',
    {
      $ref: '#/$defs/c1499',
      $defs: { ...chain, c0: { properties: { x: { $ref: '#/$defs/c1499' } } } },
    },
    nested,
  ],
  [
    'a hundred patterns for each of 50,000 fields',
    { patternProperties: Object.fromEntries(numbered(100, (n) => [`^a.*${n}x`, {}])) },
    fields,
  ],
  [
    'fields seen a hundred times',
    {
      allOf: numbered(100, () => ({ patternProperties: { '.': true } })),
      unevaluatedProperties: false,
    },
    fields,
  ],
  ['a large pattern on a long text', { pattern: '.*a.{900}$' }, ragged(5_000)],
]

const cheap: [string, object, unknown][] = [
  ['unique items, 100,000 of them', { uniqueItems: true }, numbered(100_000, (n) => ({ n }))],
  ['a backtracker of old: (a+)+$', { pattern: '^(a+)+$' }, `${'a'.repeat(100_000)}!`],
  ['another: (x+x+)+y', { pattern: '(x+x+)+y' }, 'x'.repeat(100_000)],
  ['a mail address of a megabyte', { format: 'email' }, '@'.repeat(1_000_000)],
  [
    'a large enum for each of 50,000 items',
    { items: { enum: numbered(1_000, (n) => ({ n })) } },
    numbered(50_000, () => ({ n: 1 })),
  ],
  [
    'a text as long as a payload',
    { maxLength: 400_000, minLength: 300_000 },
    '\u{1f600}'.repeat(400_000),
  ],
]

describe('the budget of a check', () => {
  it.each(tooExpensive)('ends: %s', (_, schema, value) => {
    let checked: unknown
    expect(
      cpuMs(() => {
        checked = check(schema, value)
      }),
    ).toBeLessThan(5_000)
    expect(checked).toBe('too_expensive')
  })

  it.each(cheap)('suffices: %s', (_, schema, value) => {
    let checked: unknown
    expect(
      cpuMs(() => {
        checked = check(schema, value)
      }),
    ).toBeLessThan(5_000)
    expect(checked).not.toBe('too_expensive')
  })

  it('is small for a small value', () => {
    for (const [, schema, value] of tooExpensive) {
      if (JSON.stringify(value).length > 10_000) continue
      check(schema, value)
      expect(cpuMs(() => check(schema, value))).toBeLessThan(500)
    }
  })
})

describe('compiling', () => {
  it('takes no longer than a schema is large', () => {
    const properties = Object.fromEntries(
      numbered(1_900, (n) => [`field_${n}`, { type: 'string', maxLength: 20 }]),
    )
    expect(cpuMs(() => compileSchema({ properties }, 'schema'))).toBeLessThan(1_000)
    const patterns = numbered(99, (n) => ({ pattern: `(?:\\pL{30}){30}${n}` }))
    expect(cpuMs(() => compileSchema({ anyOf: patterns }, 'schema'))).toBeLessThan(2_000)
    const repeats = numbered(99, (n) => ({ pattern: `${'(?:\\pL{30}){30}'.repeat(15)}${n}` }))
    expect(cpuMs(() => compileSchema({ anyOf: repeats }, 'schema'))).toBeLessThan(2_000)
  })

  it('runs nothing that a schema says', () => {
    const code = '"];globalThis.isInjected=true;["'
    const schema = {
      title: code,
      properties: { [code]: { const: code }, __proto__: { type: 'string' } },
      required: [code],
      patternProperties: { '^x': { enum: [code] } },
      $defs: JSON.parse('{"__proto__": {"$anchor": "p", "type": "string"}, "a": {"$ref": "#p"}}'),
    }
    expect(check(schema, { [code]: code })).toEqual([])
    expect(globalThis).not.toHaveProperty('isInjected')
    expect(Object.prototype).not.toHaveProperty('type')
  })
})
