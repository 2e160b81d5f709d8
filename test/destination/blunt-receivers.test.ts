// Receivers that end their connections without a word, answer early, send interim answers that
// nobody asked for, or speak HTTP/1.0: each gets every event at the first try, and none twice.

import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { createConnections } from '../../src/destination/connections.ts'
import type { Outcome } from '../../src/destination/destination.ts'
import { createWebhook } from '../../src/destination/webhook.ts'
import {
  type BehaviourName,
  type BluntReceiver,
  behaviours,
  startBluntReceiver,
} from '../helpers/blunt-receiver.ts'

const EVENTS = 40
/** More than is read at once, so that an early answer leaves a part of the body unread. */
const LARGE = 'x'.repeat(900_000)
const connections = createConnections({ allowPrivateTargets: true })
const started: BluntReceiver[] = []
afterEach(() => Promise.all(started.splice(0).map((receiver) => receiver.close())))
afterAll(() => connections.close())

async function start(name: BehaviourName): Promise<BluntReceiver> {
  const receiver = await startBluntReceiver(behaviours[name])
  started.push(receiver)
  return receiver
}

/** Sends `count` events, at most `inFlight` at once; the next one leaves when one is settled. */
function sendAll(url: string, count: number, inFlight: number, fill = ''): Promise<Outcome[]> {
  const webhook = createWebhook(connections, {
    url,
    timeoutMs: 5_000,
    allowPrivateTargets: true,
    responseBytes: 65_536,
    storedResponse: 100,
  })
  const outcomes: Outcome[] = []
  let position = 1
  return new Promise((resolve) => {
    const next = () => {
      if (position > count) return
      const event = {
        tenant: 'dodici',
        position: position++,
        name: 'order.created',
        entityId: 'order-1',
        idempotencyKey: 'key',
        publishedAt: '2025-10-09T08:53:20.123456Z',
        traceparent: null,
        payload: JSON.stringify({ fill }),
      }
      webhook.send(event, (outcome) => {
        outcomes.push(outcome)
        if (outcomes.length === count) resolve(outcomes)
        else next()
      })
    }
    for (let i = 0; i < inFlight; i++) next()
  })
}

const wordsOf = (outcome: Outcome) => ('reason' in outcome ? outcome.reason : outcome.kind)

const names = Object.keys(behaviours) as BehaviourName[]
describe.each(names)('a receiver that %s', (name) => {
  it.each([
    ['one after the other', 1],
    ['four at a time', 4],
    ['at once', EVENTS],
  ])(`gets ${EVENTS} events %s, none twice, within 3 s`, async (_, inFlight) => {
    const receiver = await start(name)
    const fill = name === 'answers early and closes' ? LARGE : ''
    const begun = performance.now()
    const outcomes = await sendAll(receiver.url, EVENTS, inFlight, fill)
    const took = performance.now() - begun
    expect(new Set(outcomes.map(wordsOf))).toEqual(new Set(['delivered']))
    const ids = Array.from({ length: EVENTS }, (_, i) => `msg_dodici_${i + 1}`)
    expect(receiver.ids.toSorted()).toEqual(ids.toSorted())
    expect(took).toBeLessThan(3_000)
  })
})
