// Bodies of many callers at once, on a real service: what one tenant sends slowly, or does not
// send, costs another one nothing.

import net from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ADMIN_TOKEN, call, publish } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import type { Server } from '../../src/server.ts'
import { makeKey, startHere } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'

const MIB = 1024 * 1024
const database = useDatabase()
let service: Server
const sockets: net.Socket[] = []
beforeAll(async () => {
  service = await startHere(database.url)
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  await service.stop()
})

const headOf = (token: string, length: number, more: string[] = []) =>
  [
    'POST /events/order.created HTTP/1.1',
    ...['host: a', `authorization: Bearer ${token}`, 'team: a', 'service: b', 'entity-id: e'],
    ...[`content-length: ${length}`, ...more, '', ''],
  ].join('\r\n')

/** A connection that sends a text; what it has received is its second part. */
function open(text: string): { socket: net.Socket; received: () => string } {
  const socket = net.connect(Number(new URL(service.url).port), '127.0.0.1')
  sockets.push(socket)
  let received = ''
  socket
    .on('error', () => {})
    .on('data', (chunk) => {
      received += chunk
    })
  socket.write(text)
  return { socket, received: () => received }
}

it('are one share for all keys of a tenant, whether they name it or not', async () => {
  const keys = await Promise.all(
    Array.from({ length: 64 }, () =>
      makeKey(service.url, { scopes: ['publish'], tenants: ['greedy'] }),
    ),
  )
  for (const { token } of keys) open(`${headOf(token, MIB)}{`)
  await call(`${service.url}/healthz`)
  const started = performance.now()
  const reply = await publish(service.url, { tenant: 'modest', key: 'a', payload: '{"a":1}' })
  expect(reply.status).toBe(201)
  const large = `{"a":"${'x'.repeat(MIB / 2)}"}`
  const next = await publish(service.url, { tenant: 'modest', key: 'b', payload: large })
  expect(next.status).toBe(201)
  // Whoever waits for its share waits for ten seconds.
  expect(performance.now() - started).toBeLessThan(8_000)
})

it('that do not say their length are taken as they come', async () => {
  const payload = JSON.stringify({ a: 'x'.repeat(100_000) })
  const replies = await Promise.all(
    Array.from({ length: 16 }, (_, i) =>
      fetch(`${service.url}/events/order.created`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${ADMIN_TOKEN}`,
          tenant: 'streams',
          team: 'a',
          service: 'b',
          'entity-id': 'e',
          'idempotency-key': `chunked-${i}`,
        },
        body: new Blob([payload]).stream(),
        duplex: 'half',
      } as RequestInit),
    ),
  )
  expect(replies.map(({ status }) => status)).toEqual(Array(16).fill(201))
})

it('are read to their end, however many connections are silent beside', async () => {
  const more = ['tenant: slow', 'idempotency-key: slow']
  const { socket, received } = open(headOf(ADMIN_TOKEN, 2_000, more))
  socket.write(`{"a":"`)
  const silent = Array.from({ length: 600 }, () => open('').socket)
  await until('all are connected', () => silent.every(({ connecting }) => !connecting))
  for (let i = 0; i < 30; i++) {
    socket.write('x'.repeat(50))
    await call(`${service.url}/healthz`, { headers: { connection: 'close' } })
  }
  socket.write(`${'x'.repeat(2_000 - 6 - 1_500 - 2)}"}`)
  await until('it is answered', () => received() || socket.closed)
  expect(received()).toMatch(/^HTTP\/1.1 201 /)
})
