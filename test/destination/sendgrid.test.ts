// Mails by SendGrid: what is sent is what its documentation asks for, and what each answer means.

import net from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startReceiver, status } from '../../scripts/kit/receiver.ts'
import { createMailAgent, createSendGrid, type Mail } from '../../src/destination/sendgrid.ts'
import { SENDGRID_KEY, type SendGrid, startSendGrid } from '../helpers/sendgrid.ts'

const agent = createMailAgent({ allowPrivateTargets: true })
let sendgrid: SendGrid
beforeAll(async () => {
  sendgrid = await startSendGrid()
})
beforeEach(() => {
  sendgrid.taken = []
  sendgrid.answer = undefined
})
afterAll(() => Promise.all([agent.destroy(), sendgrid.close()]))

const mailer = (
  changes: { url?: string; apiKey?: string; allow?: boolean; email?: string } = {},
) => {
  const { url = sendgrid.url, apiKey = SENDGRID_KEY, allow = true } = changes
  const from = { email: changes.email ?? 'shop@example.com', name: 'The shop' }
  return createSendGrid(
    agent,
    { url, apiKey, from },
    { timeoutMs: 1_000, allowPrivateTargets: allow, responseBytes: 1_000, storedResponse: 200 },
  )
}
const mails = (count: number): Mail[] =>
  Array.from({ length: count }, (_, n) => ({
    email: `c-${n}@example.com`,
    name: `Ada; ${n}, jr.`,
    data: { customer_id: `c-${n}`, item_count: 0, items: [] },
  }))

describe('a request', () => {
  it('carries up to a thousand mails, each with data of its own', async () => {
    expect(await mailer().send('d-1', mails(1_000))).toEqual({ kind: 'accepted' })
    expect(sendgrid.taken).toHaveLength(1_000)
    expect(sendgrid.taken[999]).toMatchObject({
      email: 'c-999@example.com',
      template_id: 'd-1',
      data: { customer_id: 'c-999' },
    })
  })

  it('has a connection of its own', async () => {
    const sockets = new Set<net.Socket | null>()
    sendgrid.answer = (response, accept) => {
      sockets.add(response.socket)
      accept()
      response.writeHead(202).end()
    }
    for (let n = 0; n < 3; n++) await mailer().send('d-1', mails(1))
    expect(sockets.size).toBe(3)
  })
})

describe('an answer', () => {
  it('may come after a 100 Continue that nobody asked for', async () => {
    sendgrid.answer = (response, accept) => {
      accept()
      response.writeContinue()
      response.writeHead(202).end()
    }
    expect(await mailer().send('d-1', mails(1))).toEqual({ kind: 'accepted' })
  })

  it('that says what Postgres cannot keep is told in what it can', async () => {
    const errors = [{ field: 'a\0b', message: 'c\ud83d \u0000' }]
    sendgrid.answer = (response) => response.writeHead(400).end(JSON.stringify({ errors }))
    expect(await mailer().send('d-1', mails(1))).toMatchObject({
      reason: expect.stringContaining('a\ufffdb: c\ufffd \ufffd'),
    })
  })

  it('401: refused, without a word of the key', async () => {
    const apiKey = 'SG.another-key'
    const outcome = await mailer({ apiKey }).send('d-1', mails(1))
    expect(outcome).toMatchObject({ kind: 'refused', reason: expect.stringContaining('401') })
    expect(JSON.stringify(outcome)).not.toContain(apiKey)
  })

  it('400 for a mail: rejected, with the ones that are named', async () => {
    const bad = mails(3)
    bad[1] = { ...(bad[1] as Mail), email: 'nobody' }
    expect(await mailer().send('d-1', bad)).toMatchObject({ kind: 'rejected', indexes: [1] })
    sendgrid.bad.isNamed = false
    expect(await mailer().send('d-1', bad)).toMatchObject({ kind: 'rejected', indexes: [] })
    sendgrid.bad.isNamed = true
  })

  it('400 for the template or the sender: refused', async () => {
    expect(await mailer().send('', mails(1))).toMatchObject({ kind: 'refused' })
    expect(await mailer({ email: 'shop' }).send('d-1', mails(1))).toMatchObject({ kind: 'refused' })
  })

  const reset = String(Math.floor(Date.now() / 1000) + 100)
  it.each([
    [403, {}, { kind: 'refused' }],
    [404, {}, { kind: 'refused' }],
    [302, { location: 'https://example.com' }, { kind: 'refused' }],
    [413, {}, { kind: 'rejected', indexes: [] }],
    [500, {}, { kind: 'unavailable', retryAfterMs: undefined }],
    [503, { 'retry-after': '7' }, { kind: 'unavailable', retryAfterMs: 7_000 }],
    [
      429,
      { 'x-ratelimit-reset': reset },
      { kind: 'unavailable', retryAfterMs: expect.any(Number) },
    ],
    [202, { 'x-ratelimit-remaining': '3', 'x-ratelimit-reset': reset }, { kind: 'accepted' }],
    [
      202,
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset },
      { kind: 'accepted', pauseMs: expect.any(Number) },
    ],
  ])('%d with %j: %j', async (code, headers, expected) => {
    const target = await startReceiver(status(code, headers, 'x'.repeat(5_000)))
    const outcome = await mailer({ url: target.url }).send('d-1', mails(1))
    expect(outcome).toMatchObject(expected)
    if (code === 202) expect('pauseMs' in outcome).toBe('pauseMs' in expected)
    if ('retryAfterMs' in outcome && code === 429) {
      expect(outcome.retryAfterMs).toBeGreaterThan(80_000)
    }
    await target.close()
  })
})

describe('no answer', () => {
  it('nobody listens: surely not sent', async () => {
    const outcome = await mailer({ url: 'http://127.0.0.1:1' }).send('d-1', mails(1))
    expect(outcome).toMatchObject({ kind: 'unavailable' })
  })

  it('a connection that is not made in time: surely not sent', async () => {
    // It takes the connection and never speaks TLS.
    const server = net.createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as net.AddressInfo
    const outcome = await mailer({ url: `https://127.0.0.1:${port}` }).send('d-1', mails(1))
    expect(outcome).toMatchObject({ kind: 'unavailable' })
    server.close()
  })

  it.each([
    ['the line breaks', (response: import('node:http').ServerResponse) => response.destroy()],
    ['nothing comes', () => {}],
  ])('%s: it may have been sent', async (_, answer) => {
    const target = await startReceiver((_, response) => answer(response))
    const outcome = await mailer({ url: target.url }).send('d-1', mails(1))
    expect(outcome).toMatchObject({ kind: 'unknown' })
    await target.close()
  })
})

it('a private address of a tenant is refused', async () => {
  const outcome = await mailer({ allow: false }).send('d-1', mails(1))
  expect(outcome).toMatchObject({ kind: 'refused', reason: expect.stringMatching(/not a public/) })
  expect(sendgrid.taken).toEqual([])
})
