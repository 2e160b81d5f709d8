// What may be handed on: whatever a granted key allows, its maker allows too.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { excessOf, type Tenure } from '../../src/access/grant.ts'
import { identityOf, matches, refusalsOf, SCOPES } from '../../src/http/identity.ts'

const word = fc.constantFrom<string>('a', 'b', 'c')
const list = fc.option(fc.uniqueArray(word, { minLength: 1 }))
const name = fc.constantFrom('a', 'a.a', 'a.b', 'a.bc', 'ab.a', 'b.a')
const pattern = fc.constantFrom<string>('a', 'a.a', 'a.b', '*', 'a*', 'a.*', 'a.b*', 'b.*')
const few = fc.integer({ min: 1, max: 3 })
const tenure: fc.Arbitrary<Tenure> = fc.record({
  tenants: fc.oneof(fc.constant<string[]>(['*']), fc.uniqueArray(word)),
  scopes: fc.uniqueArray(fc.constantFrom<string>(...SCOPES)),
  teams: list,
  services: list,
  eventNames: fc.option(fc.uniqueArray(pattern, { minLength: 1 })),
  rate: fc.option(few),
  expiresAt: fc.option(few.map((number) => new Date(number))),
})
const identify = (own: Tenure) => {
  const key = { rate: own.rate, lineage: [] }
  return identityOf('maker', own, own.expiresAt, key)
}
const event = fc.record({ tenant: word, team: word, service: word, name })

describe('excessOf', () => {
  it('lets nothing through that the maker may not do itself', () => {
    let granted = 0
    fc.assert(
      fc.property(tenure, tenure, event, (own, wanted, published) => {
        const maker = identify(own)
        if (excessOf(maker, wanted).length > 0) return
        granted++
        const made = identify(wanted)
        for (const scope of SCOPES) {
          const mayMaker = maker.mayActFor(published.tenant, scope)
          if (made.mayActFor(published.tenant, scope)) expect(mayMaker).toBe(true)
        }
        if (refusalsOf(wanted, published).length === 0) {
          expect(refusalsOf(own, published)).toEqual([])
        }
        if (own.rate) expect(wanted.rate ?? Infinity).toBeLessThanOrEqual(own.rate)
        if (own.expiresAt) expect(wanted.expiresAt?.getTime()).toBeLessThanOrEqual(+own.expiresAt)
      }),
      { numRuns: 20_000 },
    )
    expect(granted).toBeGreaterThan(100)
  })

  it('lets a maker hand on all that it has', () => {
    fc.assert(
      fc.property(tenure, (own) => {
        expect(excessOf(identify(own), own)).toEqual([])
      }),
    )
  })
})

describe('matches', () => {
  it.each([
    ['order.created', 'order.created', true],
    ['order.created', 'order.created.again', false],
    ['order.*', 'order.created', true],
    ['order.*', 'orders.created', false],
    ['order.*', 'order', false],
    ['*', 'order.created', true],
    ['order*', 'orders.created', true],
    ['order.*', 'order*', false],
  ])('%s takes %s: %s', (mine, other, expected) => {
    expect(matches(mine, other)).toBe(expected)
  })
})
