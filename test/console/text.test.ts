// The parts of the console that need no browser: texts, payloads, and what the search understands.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { eventOf, indented } from '../../src/console/public/app/payload.js'
import { understand } from '../../src/console/public/app/understand.js'
import { de } from '../../src/console/public/i18n/de.js'
import { en } from '../../src/console/public/i18n/en.js'

describe('the texts', () => {
  it('have the same keys in each language, and the same values within them', () => {
    expect(Object.keys(de)).toEqual(Object.keys(en))
    const valuesOf = (text: string) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort()
    for (const key of Object.keys(en) as (keyof typeof en)[]) {
      expect([key, valuesOf(de[key])]).toEqual([key, valuesOf(en[key])])
    }
  })
})

describe('a payload', () => {
  it('keeps its bytes, whatever stands before it', () => {
    const payload =
      '{"a":25.080,"a":1e2,"n":12345678901234567890,"payload":"\\u0000,\\"payload\\":"}'
    const id = ',"payload":{'
    const text = `{"position":1,"entity_id":${JSON.stringify(id)},"payload":${payload}}`
    expect(eventOf(text)).toEqual({ position: 1, entity_id: id, payload })
  })

  it('is indented without a change to its tokens', () => {
    expect(indented('{"a":25.080,"b":[1,{"c":"x, {y}"}],"d":{},"e":[]}')).toBe(
      [
        ...['{', '  "a": 25.080,', '  "b": [', '    1,', '    {', '      "c": "x, {y}"', '    }'],
        ...['  ],', '  "d": {},', '  "e": []', '}'],
      ].join('\n'),
    )
    const property = fc.property(fc.jsonValue(), fc.boolean(), (value, isSpaced) => {
      const text = JSON.stringify(value, null, isSpaced ? 3 : 0)
      expect(JSON.stringify(JSON.parse(indented(text)))).toBe(JSON.stringify(value))
    })
    fc.assert(property)
  })
})

describe('the search understands', () => {
  const now = new Date(2026, 10, 30, 15, 30)
  const local = (...date: [number, number, number, number?, number?]) =>
    new Date(...date).toISOString()
  const nothing = { ids: [], names: [] }

  it.each([
    ['1763640000123456', { position: 1763640000123456 }],
    ['msg_do-di_ci_1763640000123456', { position: 1763640000123456, tenant: 'do-di_ci' }],
    ['millrace-position: 1763640000123456', { position: 1763640000123456 }],
    ['webhook-id: msg_dodici_1763640000123456', { position: 1763640000123456, tenant: 'dodici' }],
    ['{"position":1763640000123456,"name":"order.created"}', { position: 1763640000123456 }],
    ['4711', { ids: ['4711'] }],
    ['"4711",', { ids: ['4711'] }],
    ['order:4711', { order_id: '4711' }],
    ['customer=c:1', { customer_id: 'c:1' }],
    ['{"order_id": "4711"}', { order_id: '4711' }],
    ['"order_id": "4711"', { order_id: '4711' }],
    ['order.created', { names: ['order.created'] }],
    ['order.* 4711', { names: ['order.*'], ids: ['4711'] }],
    ['14:02', { from: local(2026, 10, 30, 14, 2) }],
    ['2026-11-20', { from: local(2026, 10, 20), to: local(2026, 10, 21) }],
    ['2026-11-20 2026-11-21', { from: local(2026, 10, 20), to: local(2026, 10, 22) }],
    ['2026-11-20T12:00:00.123456Z', { from: '2026-11-20T12:00:00.123456Z' }],
    ['14:02 15:00', { from: local(2026, 10, 30, 14, 2), to: local(2026, 10, 30, 15, 0) }],
    ['', {}],
    ['<script>', { ids: ['<script>'] }],
  ])('%s', (text, expected) => {
    expect(understand(text, now)).toEqual({ ...nothing, ...expected })
  })
})
