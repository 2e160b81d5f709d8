// A server whose connections are bounded: which of them go.

import type http from 'node:http'
import net from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { createServer } from '../../src/http/server.ts'

const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'
let server: http.Server
let answers: http.ServerResponse[] = []
let sockets: net.Socket[] = []
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

/** Starts a server that leaves its answers to the test. */
async function start(bounds: { all: number; silent: number }): Promise<void> {
  answers = []
  sockets = []
  const most = { ...bounds, silentMs: 50 }
  server = createServer((_, answer) => void answers.push(answer), most)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
}

/** Sends a text on a connection of its own. */
function send(text: string): net.Socket {
  const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => {})
  socket.write(text)
  return socket
}

const accepted = (count: number) =>
  until(`${count} connections`, async () => {
    const found = await new Promise((resolve) => server.getConnections((_, n) => resolve(n)))
    return found === count
  })

it('closes what has been silent for longest, and neither the new nor those at work', async () => {
  await start({ all: 100, silent: 2 })
  const atWork = send(GET)
  await until('it is being answered', () => answers.length === 1)
  const silent = [send('GET / HT'), send(''), send('')]
  await accepted(4)
  const opened = performance.now()
  await until('they count', () => performance.now() - opened > 50)
  const fresh = Array.from({ length: 3 }, () => send(''))
  await until('one of the old is closed', () => silent.filter(({ closed }) => closed).length === 1)
  const answer = new Promise((resolve) => atWork.once('data', resolve))
  answers[0]?.end('done')
  expect(String(await answer)).toMatch(/^HTTP\/1.1 200/)
  expect(fresh.filter(({ closed }) => closed)).toEqual([])
})

it('takes an answer that nobody reads for no work', async () => {
  await start({ all: 2, silent: 2 })
  const deaf = send(GET)
  deaf.pause()
  await until('it is being answered', () => answers.length === 1)
  // More than the buffers of the two sockets hold.
  answers[0]?.end(Buffer.alloc(32 * 1024 * 1024))
  send(GET)
  await until('another is being answered', () => answers.length === 2)
  send(GET)
  await until('one more is being answered', () => answers.length === 3)
  deaf.resume()
  await until('the one that did not read is closed', () => deaf.closed)
  expect(deaf.bytesRead).toBeLessThan(32 * 1024 * 1024)
})

it('closes an idle one when there are too many of all', async () => {
  await start({ all: 2, silent: 2 })
  const idle = send(GET)
  await until('it is being answered', () => answers.length === 1)
  const answer = new Promise((resolve) => idle.once('data', resolve))
  answers[0]?.end('done')
  await answer
  const atWork = send(GET)
  await until('it is being answered', () => answers.length === 2)
  send(GET)
  await until('the idle one is closed', () => idle.closed)
  await until('the newest is being answered', () => answers.length === 3)
  expect(atWork.closed).toBe(false)
})

it('closes one that sends request after request and waits for no answer', async () => {
  await start({ all: 100, silent: 100 })
  const hasty = send(GET.repeat(100))
  await until('it is closed', () => hasty.closed)
  expect(answers.length).toBe(64)
})

it('gives a request its time, but a body that is streamed any', async () => {
  await start({ all: 100, silent: 100 })
  server.requestTimeout = 100
  server.headersTimeout = 100
  server.on('request', (request: http.IncomingMessage) => {
    request.isStreamed = request.url === '/streamed'
    request.resume()
  })
  const half = (path: string) =>
    send(`POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\na`)
  const streamed = half('/streamed')
  const slow = half('/slow')
  const refusal = new Promise((resolve) => slow.once('data', resolve))
  expect(String(await refusal)).toMatch(/^HTTP\/1.1 408 Request Timeout\r\nConnection: close/)
  await until('it is closed', () => slow.closed)
  // Both were looked at, since both are too late.
  const answer = new Promise((resolve) => streamed.once('data', resolve))
  streamed.write('b')
  answers.find(({ req }) => req.url === '/streamed')?.end('done')
  expect(String(await answer)).toMatch(/^HTTP\/1.1 200/)
  // The next request on the connection has its time again.
  streamed.write('POST /slow HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\na')
  await until('it is closed', () => streamed.closed)
})
