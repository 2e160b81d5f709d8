// What anyone on the network can send without a token costs no more than its bytes: each answer
// comes at once, and so do the answers to others meanwhile.

import net from 'node:net'
import { beforeAll, describe, expect, it } from 'vitest'
import { call } from '../../scripts/kit/client.ts'
import { useDatabase } from '../helpers/database.ts'
import { useService } from '../helpers/service.ts'

const database = useDatabase()
const service = useService('serve', database)
beforeAll(async () => {
  await call(`${service.url}/healthz`, { token: null })
})

const ANSWER_MS = 50
const BESIDE_MS = 100

/**
 * What `send` takes, and /healthz that is asked right after it: the best of 25, since other work
 * on the machine only adds to it.
 */
async function timed(send: () => Promise<unknown>): Promise<{ answer: number; beside: number }> {
  const since = (start: number) => performance.now() - start
  const rounds: { answer: number; beside: number }[] = []
  for (let round = 0; round < 25; round++) {
    const start = performance.now()
    const answered = send().then(() => since(start))
    const health = call(`${service.url}/healthz`, { token: null }).then(() => since(start))
    const [answer, beside] = await Promise.all([answered, health])
    rounds.push({ answer, beside })
  }
  const best = (key: 'answer' | 'beside') => Math.min(...rounds.map((round) => round[key]))
  return { answer: best('answer'), beside: best('beside') }
}

const askForToken = (body: string) =>
  call(`${service.url}/oauth2/token`, {
    token: null,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body,
  })

/** One request as these bytes; resolves with the status line of the answer. */
function raw(head: string): Promise<string> {
  const { port, hostname } = new URL(service.url)
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), hostname, () => socket.write(head))
    socket.on('error', reject)
    socket.once('data', (chunk) => {
      resolve(chunk.toString('latin1').split('\r\n')[0] as string)
      socket.destroy()
    })
  })
}

describe('the token endpoint', () => {
  it.each([
    ['65,000 names', Array.from({ length: 65_000 }, (_, i) => `${i.toString(36)}=`).join('&')],
    ['as many names as its limit takes', 'a&'.repeat(4_090)],
    [
      'different names up to its limit',
      [...Array(2_000).keys()].map((i) => i.toString(36)).join('&'),
    ],
    ['escapes up to its limit', '%41'.repeat(2_700)],
  ])('answers %s at once', async (_, body) => {
    const reply = await askForToken(body)
    expect(reply).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
    const { answer, beside } = await timed(() => askForToken(body))
    expect(answer).toBeLessThan(ANSWER_MS)
    expect(beside).toBeLessThan(BESIDE_MS)
  })

  it('answers a body that is announced as endless without reading it', async () => {
    const head = ['POST /oauth2/token HTTP/1.1', 'host: a', 'content-length: 999999999999']
    const form = 'content-type: application/x-www-form-urlencoded'
    expect(await raw([...head, form, '', ''].join('\r\n'))).toBe('HTTP/1.1 400 Bad Request')
  })
})

describe('a head of 15 KB', () => {
  const long = (piece: string) => piece.repeat(Math.floor(15_000 / piece.length))
  const shapes: [string, string, string[]][] = [
    ['spaces in a token', '/events/order.created', [`authorization: Bearer a${long(' ')}b`]],
    ['a token of dots', '/events/order.created', [`authorization: Bearer ${long('.')}`]],
    ['a JWT of nothing', '/events/order.created', [`authorization: Bearer ${long('a')}.a.a`]],
    ['slashes', `/events${long('/')}x`, []],
    ['escapes', `/events/${long('%41')}`, []],
    ['broken escapes', `/events/${long('%')}`, []],
    ['dots in a path', `/events/${long('a.')}`, []],
    ['names in a query', `/events/order.created?${long('a&')}`, []],
    ['an absolute target', `http://${long('a.')}/events`, []],
    ['semicolons in a type', '/oauth2/token', [`content-type: a/b${long('; a=b')}`]],
    ['quotes in a type', '/oauth2/token', [`content-type: a/b; c="${long('\\a')}`]],
    ['a list of types', '/oauth2/token', [`accept: ${long('a/b;q=0.1,')}`]],
    ['Basic', '/oauth2/token', [`authorization: Basic a${long(' ')}b`]],
    ['a thousand headers', '/healthz', Array.from({ length: 1_000 }, (_, i) => `x${i}: a`)],
    ['the same header again and again', '/healthz', Array.from({ length: 1_000 }, () => 'xx: a')],
  ]
  it.each(shapes)('%s', async (_, target, headers) => {
    const head = [`POST ${target} HTTP/1.1`, 'host: a', 'content-length: 0', ...headers, '', '']
    const { answer, beside } = await timed(async () => {
      expect(await raw(head.join('\r\n'))).toMatch(/^HTTP\/1.1 4/)
    })
    expect(answer).toBeLessThan(ANSWER_MS)
    expect(beside).toBeLessThan(BESIDE_MS)
  })
})
