// The contract of destinations, held against every kind: what leaves, what each kind of answer
// means, and what is never told or called.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { spellingsIn, unicodeEscaped, wrapped } from '../../scripts/kit/spellings.ts'
import { until } from '../../scripts/kit/until.ts'
import { sendOne } from '../../src/destination/destination.ts'
import { keys } from '../helpers/broker.ts'
import { faultNames, type Target, targetKinds } from '../helpers/targets.ts'

const secret = keys.secretAccessKey

const eventOf = (serial: number, entityId = `order-${serial}`) => ({
  tenant: 'dodici',
  position: 1_760_000_000_123_456 + serial,
  name: 'order.created',
  entityId,
  idempotencyKey: `schlüssel-${serial}`,
  publishedAt: '2025-10-09T08:53:20.123456Z',
  traceparent: null,
  payload: `{"serial":${serial}, "b":25.080,"a":12345678901234567890,"b":"\\u0000😀"}`,
})

describe.each(Object.entries(targetKinds))('%s', (_, start) => {
  let target: Target
  let serial = 0
  const next = () => eventOf(serial++)
  beforeAll(async () => {
    target = await start()
  })
  afterEach(() => target.behave('well'))
  afterAll(() => target.close())

  it('gets the payload to the byte', async () => {
    const event = next()
    expect(await sendOne(target.open(), event)).toEqual({ kind: 'delivered', status: 200 })
    expect(target.received()).toContain(event.payload)
  })

  it('gets each of many at once, and those of an entity in their order', async () => {
    const destination = target.open()
    const before = target.received().length
    const lanes = Array.from({ length: 60 }, (_, lane) =>
      Array.from({ length: 5 }, () => eventOf(serial++, `lane-${lane}`)),
    )
    await Promise.all(
      lanes.map(async (lane) => {
        for (const event of lane) {
          expect(await sendOne(destination, event)).toEqual({ kind: 'delivered', status: 200 })
        }
      }),
    )
    const received = target.received().slice(before)
    const sent = lanes.flat().map(({ payload }) => payload)
    expect([...received].sort()).toEqual([...sent].sort())
    for (const lane of lanes) {
      const payloads = lane.map(({ payload }) => payload)
      expect(received.filter((payload) => payloads.includes(payload))).toEqual(payloads)
    }
  })

  it('gets both of two events of an entity that share an idempotency key', async () => {
    const destination = target.open()
    const created = next()
    const shipped = { ...eventOf(serial++, created.entityId), name: 'order.shipped' }
    for (const event of [created, { ...shipped, idempotencyKey: created.idempotencyKey }]) {
      expect(await sendOne(destination, event)).toMatchObject({ kind: 'delivered' })
    }
    expect(target.received().slice(-2)).toEqual([created.payload, shipped.payload])
  })

  it('may reject an event', async () => {
    target.behave('rejecting')
    expect(await sendOne(target.open(), next())).toMatchObject({
      kind: 'rejected',
      status: 400,
      response: expect.any(String),
    })
  })
  it('may refuse everything', async () => {
    target.behave('refusing')
    expect(await sendOne(target.open(), next())).toMatchObject({ kind: 'refused', status: 403 })
  })
  it('refuses who has the wrong secret', async () => {
    expect(await sendOne(target.open({ wrongSecret: true }), next())).toMatchObject({
      kind: 'refused',
      status: 403,
    })
  })
  it('may fail', async () => {
    target.behave('failing')
    const destination = target.open()
    expect(await sendOne(destination, next())).toMatchObject({ kind: 'unavailable', status: 500 })
    target.behave('well')
    expect(await sendOne(destination, next())).toMatchObject({ kind: 'delivered' })
  })
  it('may ask for a pause', async () => {
    target.behave('throttling')
    expect(await sendOne(target.open(), next())).toMatchObject({
      kind: 'unavailable',
      isThrottled: true,
      retryAfterMs: 3_000,
    })
  })

  it.each(faultNames)('may answer with %s', async (name) => {
    target.fault(name)
    const destination = target.open({ timeoutMs: 300 })
    expect(await sendOne(destination, next())).toMatchObject({
      kind: 'unavailable',
      reason: expect.stringMatching(/failed\. Reason: ./),
    })
    target.behave('well')
    expect(await sendOne(destination, next())).toMatchObject({ kind: 'delivered' })
  })

  const base64 = Buffer.from(`x ${secret} y`).toString('base64')
  it.each([
    ['in clear', secret],
    ['in base64, within other text', base64],
    ['in base64, in lines', wrapped(base64, 20, '\r\n')],
    ['in hex', Buffer.from(secret).toString('hex')],
    ['in JSON with escapes', unicodeEscaped(secret, /\W/)],
    ['cut by the target', secret.slice(0, 9)],
  ])('may know a secret, which is not passed on: %s', async (_, told) => {
    target.say(told)
    const outcome = await sendOne(target.open(), next())
    expect(outcome).toMatchObject({ kind: 'unavailable', reason: expect.any(String) })
    expect(JSON.stringify(outcome)).toContain('***')
    expect(JSON.stringify(outcome)).not.toContain(secret.slice(0, 9))
    expect(spellingsIn(JSON.stringify(outcome), secret)).toEqual([])
  })

  it('may know a secret, of which no part is kept where its words are cut', async () => {
    for (let before = 420; before < 520; before += 6) {
      target.say(`${'.'.repeat(before)}${secret}${'.'.repeat(512)}`)
      const outcome = await sendOne(target.open(), next())
      expect(JSON.stringify(outcome)).not.toContain(secret.slice(0, 6))
      expect(JSON.stringify(outcome)).toContain('....')
    }
  })

  it('is not called at a private address', async () => {
    const before = target.requests()
    expect(await sendOne(target.open({ allowPrivateTargets: false }), next())).toMatchObject({
      kind: 'unavailable',
      reason: expect.stringContaining('not a public address'),
    })
    expect(target.requests()).toBe(before)
  })

  it('is left when the process ends, whatever is under way', async () => {
    target.fault('silence')
    const destination = target.open({ timeoutMs: 30_000 })
    const before = target.requests()
    const sending = Promise.all(Array.from({ length: 300 }, () => sendOne(destination, next())))
    // Of some kinds the others wait until these are answered.
    await until('ten requests', () => target.requests() >= before + 10)
    target.halt()
    for (const outcome of await sending) expect(outcome).toMatchObject({ kind: 'unavailable' })
    const after = target.requests()
    expect(await sendOne(destination, next())).toMatchObject({ kind: 'unavailable' })
    expect(target.requests()).toBe(after)
  })
})
