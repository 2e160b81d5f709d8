// Headers of an integration's own: whatever set of them is taken arrives as it is.

import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Receiver, startReceiver } from '../../scripts/kit/receiver.ts'
import { createConnections } from '../../src/destination/connections.ts'
import { sendOne } from '../../src/destination/destination.ts'
import { createWebhook } from '../../src/destination/webhook.ts'
import { compile } from '../../src/http/validate.ts'
import { faultsOfHeaders } from '../../src/integration/headers.ts'
import { Delivery } from '../../src/integration/integration.ts'

const connections = createConnections({ allowPrivateTargets: true })
let receiver: Receiver
beforeAll(async () => {
  receiver = await startReceiver()
})
afterAll(() => Promise.all([connections.close(), receiver.close()]))

const check = compile(Delivery)

/** As the API decides; undefined where it refuses. */
function taken(headers: Record<string, unknown>): Record<string, string> | undefined {
  try {
    const { headers: checked = {} } = check({ headers })
    return faultsOfHeaders(checked).length === 0 ? checked : undefined
  } catch {
    return undefined
  }
}

let position = 0

/** What arrives of these headers; fails where the request is not delivered. */
async function sent(headers: Record<string, string>) {
  const webhook = createWebhook(connections, {
    url: receiver.url,
    headers,
    timeoutMs: 5_000,
    allowPrivateTargets: true,
    responseBytes: 65_536,
    storedResponse: 100,
  })
  const outcome = await sendOne(webhook, {
    tenant: 'dodici',
    position: ++position,
    name: 'order.created',
    entityId: 'order-1',
    idempotencyKey: 'key',
    publishedAt: '2025-10-09T08:53:20.123456Z',
    traceparent: null,
    payload: '{}',
  })
  expect(outcome).toMatchObject({ kind: 'delivered' })
  return receiver.received.at(-1)?.headers as Record<string, string>
}

async function expectAsIs(headers: Record<string, string>) {
  const received = await sent(headers)
  for (const [name, value] of Object.entries(headers)) {
    // The object in which Node gives them cannot have it.
    if (name === '__proto__') continue
    expect([name, received[name.toLowerCase()]]).toEqual([name, value])
  }
}

const token = fc.string({
  unit: fc.constantFrom(..."abcXYZ019!#$%&'*+.^_`|~-"),
  minLength: 1,
  maxLength: 64,
})
const known = fc.constantFrom(
  ...['accept', 'cookie', 'date', 'X-Forwarded-For', 'range', 'via', 'proxy-authorization', 'te'],
  ...['Connection', 'upgrade', 'keep-alive', 'expect', 'content-length', 'host', 'constructor'],
)
const value = fc.string({ unit: fc.constantFrom(...' abcXYZ019"\\,;:=~!'), maxLength: 60 })
const odd = fc.oneof(fc.string({ unit: 'binary', maxLength: 10 }), fc.integer())

it('taken by the API arrive as they are, whatever they are', async () => {
  let takenCount = 0
  let refusedCount = 0
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(
        fc.oneof({ weight: 8, arbitrary: token }, { weight: 4, arbitrary: known }, fc.string()),
        fc.oneof({ weight: 12, arbitrary: value }, odd),
        { maxKeys: 4 },
      ),
      async (headers) => {
        const checked = taken(headers)
        if (!checked) refusedCount++
        else {
          takenCount++
          await expectAsIs(checked)
        }
      },
    ),
    { numRuns: 600 },
  )
  expect(takenCount).toBeGreaterThan(50)
  expect(refusedCount).toBeGreaterThan(50)
})

it('fit together into what a server takes: the most there can be arrives, one more is refused', async () => {
  const most = Object.fromEntries(
    Array.from({ length: 8 }, (_, i) => [`x-${i}`, 'v'.repeat(i === 0 ? 1_000 : 1_021)]),
  )
  expect(Object.entries(most).flat().join('')).toHaveLength(8_171)
  const whole = { ...most, y: 'v'.repeat(20) }
  expect(taken(whole)).toEqual(whole)
  await expectAsIs(whole)
  expect(taken({ ...whole, z: 'v' })).toBeUndefined()
})

it.each([
  { 'x y': 5 },
  { 'x y': 'v' },
  { '': 'v' },
  { 'x-a\r\nx-b': 'v' },
  { 'x-a:': 'v' },
  { 'x-ä': 'v' },
  { 'x-a': 5 },
  { 'x-a': 'v\r\nx-b: w' },
  { 'x-a': ' v' },
  { 'x-a': 'v ' },
  { 'x-a': 'v\t' },
  { 'x-a': 'ä' },
  { 'x-a': '\0' },
  { 'X-A': 'v', 'x-a': 'w' },
  { Connection: 'close' },
])('%j is refused', (headers) => {
  expect(taken(headers)).toBeUndefined()
})
