// Window and cursor as a model under any schedule: a run reads, sends, is answered, writes steps,
// and is killed at any moment; the database crashes and takes back steps. Whatever the order,
// nothing is passed over, an entity's first deliveries are in order, and everything arrives.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createWindow, type Window } from '../../src/delivery/window.ts'
import type { LoggedEvent } from '../../src/log/event.ts'
import { aLoggedEvent } from '../helpers/factory.ts'

/** Small, so that schedules reach it. */
const MOST_IN_WINDOW = 12
const MOST_IN_FLIGHT = 4

type Cursor = { readPosition: number; unresolved: number[] }
type Answer = 'taken' | 'rejected' | 'failed'

const command = fc.oneof(
  { weight: 3, arbitrary: fc.record({ append: fc.array(fc.nat({ max: 4 }), { maxLength: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ read: fc.integer({ min: 1, max: MOST_IN_WINDOW }) }) },
  { weight: 6, arbitrary: fc.constant({ send: true as const }) },
  {
    weight: 6,
    arbitrary: fc.record({
      answer: fc.constantFrom<Answer>('taken', 'taken', 'rejected', 'failed'),
      pick: fc.nat(),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ step: true as const }) },
  // How many of those in flight the target takes although nobody hears of it any more.
  { weight: 1, arbitrary: fc.record({ kill: fc.nat({ max: MOST_IN_FLIGHT }) }) },
  // How many steps the database takes back.
  { weight: 1, arbitrary: fc.record({ crash: fc.nat({ max: 3 }) }) },
)
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never

/** A target that remembers; it throws where an entity's first deliveries are out of order. */
function createTarget() {
  const seen = new Set<number>()
  const passed = new Set<number>()
  const newest = new Map<string, LoggedEvent>()
  return {
    passed,
    receive(event: LoggedEvent): void {
      if (seen.has(event.position)) return
      seen.add(event.position)
      const before = newest.get(event.entityId)
      if (before) {
        expect(event.position).toBeGreaterThan(before.position)
        expect(passed.has(before.position)).toBe(true)
      }
      newest.set(event.entityId, event)
    },
  }
}

function createModel() {
  const log: LoggedEvent[] = []
  const target = createTarget()
  /** Every step that was written, the newest last: a crash takes back the last few. */
  const steps: Cursor[] = [{ readPosition: 0, unresolved: [] }]
  let window: Window
  let readPosition: number
  let inFlight: LoggedEvent[]
  let isClosing: boolean
  begin()

  /** A run takes the lease: what src/delivery does with the cursor that it finds. */
  function begin(): void {
    const cursor = steps.at(-1) as Cursor
    window = createWindow()
    window.push(log.filter(({ position }) => cursor.unresolved.includes(position)))
    readPosition = cursor.readPosition
    inFlight = []
    isClosing = false
  }

  function step(): void {
    const cursor = { readPosition, unresolved: window.unresolved() }
    expect(cursor.unresolved).toEqual(cursor.unresolved.toSorted((a, b) => a - b))
    expect(cursor.unresolved.length).toBeLessThanOrEqual(MOST_IN_WINDOW)
    steps.push(cursor)
  }

  function send(): boolean {
    if (isClosing || window.inFlight >= MOST_IN_FLIGHT) return false
    const event = window.next()
    if (!event) return false
    expect(inFlight.map(({ entityId }) => entityId)).not.toContain(event.entityId)
    inFlight.push(event)
    expect(window.inFlight).toBe(inFlight.length)
    target.receive(event)
    return true
  }

  function answer(outcome: Answer, pick: number): void {
    const [event] = inFlight.splice(pick % Math.max(1, inFlight.length), 1)
    if (!event) return
    if (outcome === 'failed') {
      window.giveBack(event)
      isClosing = true
    } else {
      target.passed.add(event.position)
      window.settle(event)
    }
    // A failure closes the line: what is in flight finishes, the step is written, a new run begins.
    if (isClosing && inFlight.length === 0) {
      step()
      begin()
    }
  }

  function read(most: number): void {
    if (isClosing) return
    const room = Math.min(most, MOST_IN_WINDOW - window.size)
    const page = log.filter(({ position }) => position > readPosition).slice(0, Math.max(0, room))
    window.push(page)
    readPosition = page.at(-1)?.position ?? readPosition
  }

  return {
    log,
    target,
    do(what: Command): void {
      if ('append' in what) {
        for (const entity of what.append) {
          log.push(aLoggedEvent({ position: log.length + 1, entityId: `e${entity}` }))
        }
      } else if ('read' in what) read(what.read)
      else if ('send' in what) send()
      else if ('answer' in what) answer(what.answer, what.pick)
      else if ('step' in what) step()
      else if ('kill' in what) {
        for (const { position } of inFlight.slice(0, what.kill)) target.passed.add(position)
        begin()
      } else {
        steps.splice(Math.max(1, steps.length - what.crash))
        begin()
      }
    },
    /** What the cursor says is settled, the target has passed. */
    check(): void {
      const { readPosition: read, unresolved } = steps.at(-1) as Cursor
      for (const { position } of log) {
        if (position > read || unresolved.includes(position)) continue
        expect(target.passed.has(position)).toBe(true)
      }
      expect(window.size).toBeLessThanOrEqual(MOST_IN_WINDOW)
      expect(window.inFlight).toBeLessThanOrEqual(MOST_IN_FLIGHT)
    },
    /** The target takes everything from now on. */
    drain(): Cursor {
      for (let turn = 0; turn < 10 * (log.length + 2); turn++) {
        read(MOST_IN_WINDOW)
        while (send());
        answer('taken', turn)
      }
      step()
      return steps.at(-1) as Cursor
    },
  }
}

describe('window and cursor', () => {
  it('pass over nothing and keep the order, whatever happens when', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
        const model = createModel()
        for (const each of commands) {
          model.do(each)
          model.check()
        }
        const end = model.drain()
        expect(end).toEqual({ readPosition: model.log.length, unresolved: [] })
        expect(model.target.passed.size).toBe(model.log.length)
      }),
      { numRuns: 500 },
    )
  })
})
