// What is taken for a JSON object is one, held against JSON.parse: whatever was generated, whatever
// became of it.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { limits } from '../../src/config.ts'
import { isObject, parseJson } from '../../src/input/json.ts'
import { isJsonObject } from '../../src/input/json-object.ts'

const DEPTH = limits.jsonDepth

/** What JSON.parse says. */
function isOne(bytes: Buffer): boolean {
  const parsed = parseJson(bytes)
  return 'value' in parsed && isObject(parsed.value)
}

const valid = [
  ...['{}', ' \t\r\n{ } ', '{"":{}}', '{"a":[]}', '{"a":[ ]}', '{"a":[1,"b",null,true,false]}'],
  ...['{"a":0}', '{"a":-0}', '{"a":10}', '{"a":-1.5}', '{"a":1e5}', '{"a":1E+5}', '{"a":0.1e-5}'],
  ...['{"a":"\\"\\\\\\/\\b\\f\\n\\r\\t"}', '{"a":"\\u00e9\\uD83D\\ude00\\ud800"}', '{"a":"é😀"}'],
  ...['{"a":"\u007f\u2028"}', '{ "a" : 1 , "a" : [ 1 , 2 ] }', '{"__proto__":1}'],
  `${'{"a":'.repeat(DEPTH)}1${'}'.repeat(DEPTH)}`,
]
it.each(valid)('takes %j', (text) => {
  expect(isOne(Buffer.from(text))).toBe(true)
  expect(isJsonObject(Buffer.from(text))).toBe(true)
})

const invalid = [
  ...['', ' ', '[]', '1', '"a"', 'null', '{', '}', '{}}', '{}{}', '{} x', '{,}', '{"a"}', '{"a":}'],
  ...['{"a":1,}', '{"a":1 "b":2}', '{a:1}', "{'a':1}", '{"a":1]', '{"a":[1}', '{"a":[1,]}', '{"a"'],
  ...[
    '{"a":01}',
    '{"a":1.}',
    '{"a":.5}',
    '{"a":+1}',
    '{"a":-}',
    '{"a":1e}',
    '{"a":1e+}',
    '{"a":-a}',
  ],
  ...['{"a":0x1}', '{"a":1_0}', '{"a":NaN}', '{"a":Infinity}', '{"a":undefined}', '{"a":1a}'],
  ...['{"a":tru}', '{"a":nul', '{"a":truex}', '{"a":True}', '{"a":"', '{"a":"\\', '{"a":"\\"}'],
  ...['{"a":"\\x"}', '{"a":"\\u12"}', '{"a":"\\u12g4"}', '{"a":"\\U0041"}', '{"a":"\n"}'],
  ...[
    '{"a":"\u0000"}',
    '{"a":"\u001f"}',
    '\ufeff{}',
    '{}\u0000',
    '{"a":1}\u00a0',
    '{/**/}',
    '{"a":[,1]}',
  ],
]
it.each(invalid)('does not take %j', (text) => {
  expect(isOne(Buffer.from(text))).toBe(false)
  expect(isJsonObject(Buffer.from(text))).toBe(false)
})

it('does not take what is not UTF-8', () => {
  for (const bad of [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80]]) {
    expect(isJsonObject(Buffer.from([...Buffer.from('{"a":"'), ...bad, 0x22, 0x7d]))).toBe(false)
  }
})

it('takes what is nested as deep as is allowed and no deeper, and so does parseJson', () => {
  const nested = (levels: number, text = '1') =>
    Buffer.from(`{"a":${'['.repeat(levels - 1)}${text}${']'.repeat(levels - 1)}}`)
  for (const text of ['1', '"]}[{\\"[["', '[],[],{},{}', '{"[[[":"}"}']) {
    const levels = DEPTH - (/[[{]/.test(text[0] as string) ? 1 : 0)
    expect(isJsonObject(nested(levels, text))).toBe(true)
    expect(isOne(nested(levels, text))).toBe(true)
    expect(isJsonObject(nested(levels + 1, text))).toBe(false)
    expect(parseJson(nested(levels + 1, text))).toMatchObject({ fault: { code: 'too_deep' } })
  }
  for (const levels of [100_000, 1_000_000]) {
    expect(isJsonObject(nested(levels))).toBe(false)
    expect(parseJson(nested(levels))).toMatchObject({ fault: { code: 'too_deep' } })
  }
})

/** Objects as texts, with white space of all kinds between their tokens. */
const objects = fc
  .tuple(
    fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()),
    fc.constantFrom('', '\t', ' \n'),
  )
  .map(([value, indent]) => Buffer.from(JSON.stringify(value, null, indent)))

it('takes every object', () => {
  fc.assert(
    fc.property(objects, (bytes) => {
      expect(isJsonObject(bytes)).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})

it('says of an object with a byte changed, added or missing what JSON.parse says', () => {
  const bytes = fc.constantFrom(
    ...Buffer.from('{}[]",:\\/ \n0123456789eE+-.abfnrtuxg\u0000\u001fé'),
  )
  const changes = fc.record({
    at: fc.nat(),
    drop: fc.nat({ max: 2 }),
    add: fc.array(bytes, { maxLength: 2 }),
  })
  fc.assert(
    fc.property(objects, fc.array(changes, { minLength: 1, maxLength: 3 }), (object, all) => {
      const changed = [...object]
      for (const { at, drop, add } of all) changed.splice(at % changed.length, drop, ...add)
      expect(isJsonObject(Buffer.from(changed))).toBe(isOne(Buffer.from(changed)))
    }),
    { numRuns: 20_000 },
  )
})
