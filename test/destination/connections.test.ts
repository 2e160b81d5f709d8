// Which connection a POST leaves on: the one that has just answered if its origin keeps them, a new
// one if all are taken, never one on which something went wrong or that the other side has closed.
// A request that met a closed one leaves again, once.

import type { Socket } from 'node:net'
import { afterAll, afterEach, expect, it } from 'vitest'
import { ok, type Receiver, startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { createConnections } from '../../src/destination/connections.ts'
import type { Answer } from '../../src/destination/post.ts'

const connections = createConnections({ allowPrivateTargets: true })
const receivers: Receiver[] = []
afterEach(() => Promise.all(receivers.splice(0).map((receiver) => receiver.close())))
afterAll(() => connections.close())

/** A receiver, and the connections over which its requests came. */
async function start() {
  const sockets: Socket[] = []
  const receiver = await startReceiver((request, response) => {
    sockets.push(response.socket as Socket)
    behave.answer(request, response)
  })
  const behave = { answer: ok, maySend: true }
  receivers.push(receiver)
  const target = { origin: new URL(receiver.url).origin, path: '/', headers: [] }
  const limits = { timeoutMs: 5_000, responseBytes: 100 }
  function post(done: (result: Answer | Error) => void): void {
    connections.post({ ...target, body: Buffer.from('{}') }, limits, done, () => behave.maySend)
  }
  const posted = () => new Promise<Answer | Error>(post)
  const distinct = () => new Set(sockets).size
  /** Posts until a connection is used again at once, then forgets what was posted. */
  async function warmUp(): Promise<void> {
    await until('one is used again at once', async () => {
      sockets.length = 0
      await chain(post)
      return distinct() === 1
    })
    sockets.length = 0
  }
  return { behave, sockets, post, posted, distinct, warmUp }
}

/** Posts five times, each time as soon as it is told of the one before. */
function chain(post: (done: (result: Answer | Error) => void) => void): Promise<unknown[]> {
  const results: unknown[] = []
  return new Promise((resolve) => {
    const next = () =>
      post((result) => {
        results.push(result instanceof Error ? result : result.status)
        if (results.length === 5) resolve(results)
        else next()
      })
    next()
  })
}

it('is the one that has just answered, for who posts when it is told', async () => {
  const { post, sockets, distinct, warmUp } = await start()
  await warmUp()
  expect(await chain(post)).toEqual([200, 200, 200, 200, 200])
  expect(sockets).toHaveLength(5)
  expect(distinct()).toBe(1)
})

it('is a new one for who posts when it is told, where the answer closes it', async () => {
  const { behave, post, sockets, distinct } = await start()
  behave.answer = (_, response) => response.setHeader('connection', 'close').end()
  expect(await chain(post)).toEqual([200, 200, 200, 200, 200])
  expect(sockets).toHaveLength(5)
  expect(distinct()).toBe(5)
})

it('is an idle one, or a new one where there is none', async () => {
  const { posted, distinct, warmUp } = await start()
  await warmUp()
  await Promise.all([posted(), posted(), posted()])
  expect(distinct()).toBe(3)
  await Promise.all([posted(), posted()])
  await posted()
  expect(distinct()).toBe(3)
})

it('is another one after a failure, and after an answer that was not read to its end', async () => {
  const { behave, posted, sockets, distinct } = await start()
  behave.answer = (_, response) => response.socket?.resetAndDestroy()
  expect(await posted()).toBeInstanceOf(Error)
  behave.answer = (_, response) => response.end('x'.repeat(101))
  expect(await posted()).toMatchObject({ status: 200, body: undefined })
  behave.answer = ok
  expect(await posted()).toMatchObject({ status: 200 })
  expect(distinct()).toBe(3)
  await until('two closed', () => sockets.filter(({ destroyed }) => destroyed).length === 2)
})

it('is another one where the other side closes it, asked or not', async () => {
  const { behave, posted, sockets, distinct } = await start()
  behave.answer = (_, response) => response.setHeader('connection', 'close').end()
  await posted()
  behave.answer = ok
  await posted()
  sockets[1]?.end()
  await until('closed', () => sockets.every(({ destroyed }) => destroyed))
  expect(await posted()).toMatchObject({ status: 200 })
  expect(distinct()).toBe(3)
})

it('is a new one for a request that met a closed one, told as one', async () => {
  const { behave, posted, sockets, distinct, warmUp } = await start()
  await warmUp()
  const kept = new Set<unknown>()
  behave.answer = (request, response) => {
    kept.add(sockets[0])
    if (kept.has(response.socket)) response.socket?.resetAndDestroy()
    else ok(request, response)
  }
  expect(await posted()).toMatchObject({ status: 200 })
  expect(sockets).toHaveLength(2)
  expect(distinct()).toBe(2)
})

it('is no third one', async () => {
  const { behave, posted, sockets, warmUp } = await start()
  await warmUp()
  behave.answer = (_, response) => response.socket?.resetAndDestroy()
  expect(await posted()).toBeInstanceOf(Error)
  expect(sockets).toHaveLength(2)
})

it('is no second one for who may send nothing any more', async () => {
  const { behave, posted, sockets, warmUp } = await start()
  await warmUp()
  behave.maySend = false
  behave.answer = (_, response) => response.socket?.resetAndDestroy()
  expect(await posted()).toBeInstanceOf(Error)
  expect(sockets).toHaveLength(1)
})

it('is no second one after a byte of an answer', async () => {
  const { behave, posted, sockets, warmUp } = await start()
  await warmUp()
  behave.answer = (_, { socket }) => socket?.write('H', () => socket.destroy())
  expect(await posted()).toBeInstanceOf(Error)
  expect(sockets).toHaveLength(1)
})

it('is none after the end', async () => {
  const { behave, posted, sockets } = await start()
  const ending = createConnections({ allowPrivateTargets: true })
  behave.answer = () => {}
  const { port } = receivers[0] as Receiver
  const target = { origin: `http://127.0.0.1:${port}`, path: '/', headers: [] }
  const limits = { timeoutMs: 5_000, responseBytes: 100 }
  const post = () =>
    new Promise((done) => ending.post({ ...target, body: Buffer.from('{}') }, limits, done))
  const underWay = post()
  await until('under way', () => sockets.length === 1)
  await ending.close()
  expect(await underWay).toBeInstanceOf(Error)
  expect(await post()).toBeInstanceOf(Error)
  expect(sockets).toHaveLength(1)
  behave.answer = ok
  expect(await posted()).toMatchObject({ status: 200 })
})
