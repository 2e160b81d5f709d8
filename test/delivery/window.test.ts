// The window as a property: whatever the order of answers, an entity's events leave one at a time
// and in order, nothing is forgotten, and what is unresolved is exactly what was not settled.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createWindow } from '../../src/delivery/window.ts'
import type { LoggedEvent } from '../../src/log/event.ts'
import { aLoggedEvent } from '../helpers/factory.ts'

const step = fc.record({
  limit: fc.integer({ min: 1, max: 8 }),
  /** Which of those in flight is answered, and whether it is taken. */
  pick: fc.nat(),
  isTaken: fc.boolean(),
})

describe('window', () => {
  it('keeps the order per entity under any schedule', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 60 }),
        fc.array(step, { maxLength: 200 }),
        (entities, steps) => {
          const events = entities.map((entity, i) =>
            aLoggedEvent({ position: 1_000 + i, entityId: `e${entity}` }),
          )
          const window = createWindow()
          window.push(events)
          const inFlight: LoggedEvent[] = []
          const settled: LoggedEvent[] = []

          for (const { limit, pick, isTaken } of steps) {
            while (window.inFlight < limit) {
              const event = window.next()
              if (!event) break
              expect(inFlight.map(({ entityId }) => entityId)).not.toContain(event.entityId)
              inFlight.push(event)
            }
            const [answered] = inFlight.splice(pick % Math.max(1, inFlight.length), 1)
            if (!answered) continue
            if (isTaken) {
              window.settle(answered)
              settled.push(answered)
            } else window.giveBack(answered)
          }
          for (const event of inFlight.splice(0)) window.giveBack(event)
          const open = events.filter((event) => !settled.includes(event))
          expect(window.unresolved()).toEqual(open.map(({ position }) => position))
          for (let event = window.next(); event; event = window.next()) {
            window.settle(event)
            settled.push(event)
          }
          expect(window.size).toBe(0)
          expect(window.bytes).toBe(0)
          for (const entity of new Set(entities)) {
            const mine = (event: LoggedEvent) => event.entityId === `e${entity}`
            expect(settled.filter(mine)).toEqual(events.filter(mine))
          }
        },
      ),
    )
  })

  it('leaves in the order of the log when one at a time is in flight', () => {
    const entities = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 40 })
    fc.assert(
      fc.property(entities, fc.array(fc.boolean()), (ids, taken) => {
        const window = createWindow()
        const events = ids.map((id, i) => aLoggedEvent({ position: i, entityId: `e${id}` }))
        window.push(events)
        const left: LoggedEvent[] = []
        for (let i = 0; window.size > 0; i++) {
          const event = window.next() as LoggedEvent
          if (taken[i] === false) window.giveBack(event)
          else {
            window.settle(event)
            left.push(event)
          }
        }
        expect(left).toEqual(events)
      }),
    )
  })

  it('tells entities of one id apart by their name', () => {
    const window = createWindow()
    window.push([
      aLoggedEvent({ position: 1, name: 'order.created', entityId: '7' }),
      aLoggedEvent({ position: 2, name: 'order.opened', entityId: '7' }),
      aLoggedEvent({ position: 3, name: 'invoice.created', entityId: '7' }),
    ])
    expect([window.next(), window.next(), window.next()].map((e) => e?.position)).toEqual([
      1,
      3,
      undefined,
    ])
  })
})
