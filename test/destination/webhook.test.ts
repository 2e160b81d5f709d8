// What a webhook sends, and what it makes of every kind of answer.

import net from 'node:net'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { type Receiver, startReceiver, status } from '../../scripts/kit/receiver.ts'
import { createConnections } from '../../src/destination/connections.ts'
import { sendOne } from '../../src/destination/destination.ts'
import { parseRetryAfter } from '../../src/destination/retry-after.ts'
import { createWebhook, type WebhookOptions } from '../../src/destination/webhook.ts'

const connections = createConnections({ allowPrivateTargets: true })
const guarded = createConnections({ allowPrivateTargets: false })
const receivers: Receiver[] = []
afterEach(() => Promise.all(receivers.splice(0).map((receiver) => receiver.close())))
afterAll(() => Promise.all([connections.close(), guarded.close()]))

const event = {
  tenant: 'dodici',
  position: 1_760_000_000_123_456,
  name: 'order.created',
  entityId: 'order-1',
  idempotencyKey: 'schlüssel-1',
  publishedAt: '2025-10-09T08:53:20.123456Z',
  traceparent: null,
  payload: '{"b":25.080,"a":12345678901234567890,"b":"\\u0000😀"}',
}
const webhook = (url: string, changes: Partial<WebhookOptions> = {}) =>
  createWebhook(connections, {
    url,
    timeoutMs: 5_000,
    allowPrivateTargets: true,
    responseBytes: 65_536,
    storedResponse: 100,
    ...changes,
  })
async function receiver(answer?: Parameters<typeof startReceiver>[0]) {
  const started = await startReceiver(answer)
  receivers.push(started)
  return started
}

describe('the request', () => {
  it('has the envelope, the payload to the byte, and the headers', async () => {
    const target = await receiver()
    await sendOne(webhook(`${target.url}events?shop=1`, { apiKey: 'api-key' }), event)
    const [received] = target.received
    expect(received?.url).toBe('/events?shop=1')
    expect(received?.body.toString()).toBe(
      '{"tenant":"dodici","name":"order.created",' +
        `"published_at":"2025-10-09T08:53:20.123456Z","payload":${event.payload}}`,
    )
    expect(received?.headers).toMatchObject({
      'content-type': 'application/json',
      authorization: 'Bearer api-key',
      'webhook-id': 'msg_dodici_1760000000123456',
      'webhook-timestamp': expect.stringMatching(/^\d{10}$/),
      'millrace-position': '1760000000123456',
    })
    const key = Buffer.from(String(received?.headers['idempotency-key']), 'latin1')
    expect(key.toString('utf8')).toBe('schlüssel-1')
  })
  it('has no authorization where there is no key', async () => {
    const target = await receiver()
    await sendOne(webhook(target.url), event)
    expect(target.received[0]?.headers.authorization).toBeUndefined()
  })
})

describe('an answer', () => {
  it.each([
    [200, 'delivered'],
    [201, 'delivered'],
    [204, 'delivered'],
    [400, 'rejected'],
    [403, 'refused'],
    [410, 'refused'],
    [301, 'unavailable'],
    [401, 'unavailable'],
    [404, 'unavailable'],
    [429, 'unavailable'],
    [500, 'unavailable'],
    [503, 'unavailable'],
  ])('of %i is %s', async (code, kind) => {
    const target = await receiver(status(code, { location: 'http://127.0.0.1:1/' }, ''))
    expect(await sendOne(webhook(target.url), event)).toMatchObject({ kind, status: code })
    expect(target.received).toHaveLength(1)
  })
  it('keeps the start of its body', async () => {
    const target = await receiver(status(400, {}, 'no such product '.repeat(100)))
    const outcome = await sendOne(webhook(target.url), event)
    expect(outcome).toMatchObject({ kind: 'rejected' })
    expect('response' in outcome && outcome.response).toHaveLength(100)
  })
  it('may ask for a pause', async () => {
    const target = await receiver(status(429, { 'retry-after': '7' }))
    expect(await sendOne(webhook(target.url), event)).toMatchObject({ retryAfterMs: 7_000 })
  })
})

describe('no good answer', () => {
  const unavailable = (reason: RegExp) => ({
    kind: 'unavailable',
    reason: expect.stringMatching(reason),
  })

  it('is a refused connection, a reset, half an answer', async () => {
    const dead = await receiver()
    await dead.close()
    expect(await sendOne(webhook(dead.url), event)).toMatchObject(unavailable(/ECONNREFUSED/))
    const reset = await receiver((_, response) => response.socket?.resetAndDestroy())
    expect(await sendOne(webhook(reset.url), event)).toMatchObject(unavailable(/./))
    const half = await receiver((_, response) => {
      response.writeHead(200, { 'content-length': '10' })
      response.write('half', () => response.socket?.destroy())
    })
    expect(await sendOne(webhook(half.url), event)).toMatchObject(unavailable(/./))
  })
  it('is one that takes too long, to begin or to end', async () => {
    const silent = await receiver(() => {})
    const quick = { timeoutMs: 200 }
    expect(await sendOne(webhook(silent.url, quick), event)).toMatchObject(
      unavailable(/within 200 ms/),
    )
    const dripping = await receiver((_, response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write('.'), 20)
      response.on('close', () => clearInterval(timer))
    })
    expect(await sendOne(webhook(dripping.url, quick), event)).toMatchObject(
      unavailable(/within 200 ms/),
    )
  })
  it('is one without end', async () => {
    const endless = await receiver((_, response) => {
      const write = () => {
        while (response.write('x'.repeat(65_536)));
      }
      response.on('drain', write)
      write()
    })
    expect(await sendOne(webhook(endless.url), event)).toMatchObject(
      unavailable(/larger than 65536/),
    )
  })
  it('is one with more interim answers than anybody needs', async () => {
    const hinting = await receiver((_, response) => {
      const write = () => {
        while (response.socket?.write('HTTP/1.1 100 Continue\r\n\r\n'.repeat(20)));
      }
      response.socket?.on('drain', write)
      write()
    })
    expect(await sendOne(webhook(hinting.url), event)).toMatchObject(
      unavailable(/more than 100 interim answers/),
    )
  })
  it('is something that does not speak HTTP, or a name that is none', async () => {
    const server = net.createServer((socket) => socket.end('SSH-2.0-x\r\n'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as net.AddressInfo
    const outcome = await sendOne(webhook(`http://127.0.0.1:${port}/`), event)
    expect(outcome).toMatchObject(unavailable(/./))
    server.close()
    expect(await sendOne(webhook('http://nowhere.invalid/'), event)).toMatchObject(unavailable(/./))
    expect(await sendOne(webhook(`https://127.0.0.1:${port}/`), event)).toMatchObject(
      unavailable(/./),
    )
  })
})

describe('a private target', () => {
  it('is not called, by name or by address', async () => {
    const target = await receiver()
    for (const host of ['localhost', '127.0.0.1']) {
      const url = target.url.replace('127.0.0.1', host)
      const options = { timeoutMs: 5_000, responseBytes: 1, storedResponse: 100, url }
      const strict = createWebhook(guarded, { ...options, allowPrivateTargets: false })
      const outcome = await sendOne(strict, event)
      expect(outcome).toMatchObject({
        kind: 'unavailable',
        reason: expect.stringMatching(/not a public address/),
      })
    }
    expect(target.received).toEqual([])
  })
})

it('reads Retry-After as seconds or a date', () => {
  const now = Date.UTC(2026, 0, 1)
  expect(parseRetryAfter('120', now)).toBe(120_000)
  expect(parseRetryAfter('Thu, 01 Jan 2026 00:01:00 GMT', now)).toBe(60_000)
  expect(parseRetryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now)).toBe(0)
  expect(parseRetryAfter('soon', now)).toBeUndefined()
  expect(parseRetryAfter(undefined, now)).toBeUndefined()
})
