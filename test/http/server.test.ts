// A server whose connections are bounded: which of them go.

import type http from 'node:http'
import net from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { createServer } from '../../src/http/server.ts'
import { until } from '../helpers/until.ts'

const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'
let server: http.Server
let answers: http.ServerResponse[] = []
let sockets: net.Socket[] = []
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

/** Starts a server that leaves its answers to the test. */
async function start(most: { all: number; incomplete: number }): Promise<void> {
  answers = []
  sockets = []
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

it('closes what has waited longest without a complete request, and nothing else', async () => {
  await start({ all: 100, incomplete: 2 })
  const atWork = send(GET)
  await until('it is being answered', () => answers.length === 1)
  const slow = send('GET / HT')
  await accepted(2)
  const silent = send('')
  await accepted(3)
  send(GET)
  await until('the slow one is closed', () => slow.closed)
  await until('the newest is being answered', () => answers.length === 2)
  const answer = new Promise((resolve) => atWork.once('data', resolve))
  answers[0]?.end('done')
  expect(String(await answer)).toMatch(/^HTTP\/1.1 200/)
  expect(silent.closed).toBe(false)
})

it('closes an idle one when there are too many of all', async () => {
  await start({ all: 2, incomplete: 2 })
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
  await start({ all: 100, incomplete: 100 })
  const hasty = send(GET.repeat(100))
  await until('it is closed', () => hasty.closed)
  expect(answers.length).toBe(64)
})
