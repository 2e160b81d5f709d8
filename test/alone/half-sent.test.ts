// Requests that begin and never end, thousands at once: the process holds no more than a bound of
// them, and publishers do not notice.

import { execFileSync } from 'node:child_process'
import net from 'node:net'
import { expect, it } from 'vitest'
import { ADMIN_TOKEN, publish } from '../../scripts/kit/client.ts'
import { useDatabase } from '../helpers/database.ts'
import { publishLoad } from '../helpers/load.ts'
import { useService } from '../helpers/service.ts'

const MIB = 1024 * 1024
const database = useDatabase()
const service = useService('serve', database)

/** A request that lacks its last byte. */
function halfSent(path: string, headers: string[], length: number): Buffer {
  const head = [`POST ${path} HTTP/1.1`, 'host: a', `content-length: ${length}`, ...headers, '', '']
  return Buffer.concat([Buffer.from(head.join('\r\n')), Buffer.alloc(length - 1, 'x')])
}
const aTokenRequest = halfSent(
  '/oauth2/token',
  ['content-type: application/x-www-form-urlencoded'],
  8 * 1024,
)
const aPublish = halfSent(
  '/events/order.created',
  [`authorization: Bearer ${ADMIN_TOKEN}`, 'tenant: slow'],
  MIB,
)

/** Opens connections that send these bytes and no more. */
function open(count: number, bytes: Buffer): Promise<net.Socket[]> {
  const { port, hostname } = new URL(service.url)
  return Promise.all(
    Array.from({ length: count }, () => {
      const socket = net.connect(Number(port), hostname)
      socket.on('error', () => {}) // It may be closed on us.
      socket.write(bytes)
      return new Promise<net.Socket>((resolve) => socket.once('connect', () => resolve(socket)))
    }),
  )
}

/** Asks on a connection of its own, whose turn comes after those that were opened before. */
async function heard(): Promise<void> {
  const headers = { connection: 'close' }
  expect((await fetch(`${service.url}/healthz`, { headers })).status).toBe(200)
}

/** Resident memory of the service, in MiB. */
const resident = () =>
  Number(execFileSync('ps', ['-o', 'rss=', '-p', String(service.process.pid)])) / 1024

/**
 * The p99 of publishes one after the other, in ms: the best of five times 100, since other work on
 * the machine only adds to it.
 */
async function p99(prefix: string): Promise<number> {
  const rounds: number[] = []
  for (let round = 0; round < 5; round++) {
    const times: number[] = []
    for (let i = 0; i < 100; i++) {
      const start = performance.now()
      const key = `${prefix}-${round}-${i}`
      const reply = await publish(service.url, { key, payload: '{}' })
      times.push(performance.now() - start)
      expect(reply.status).toBe(201)
    }
    rounds.push(times.sort((a, b) => a - b)[98] as number)
  }
  return Math.min(...rounds)
}

it('2,500 for a token and 600 of 1 MiB take at most 150 MiB, and cost others nothing', async () => {
  // V8 gives its young generation room under load.
  await publishLoad(() => service.url, { events: 5_000, entities: 64, publishers: 64 })
  const rest = resident()
  let peak = 0
  const watch = setInterval(() => {
    peak = Math.max(peak, resident())
  }, 200)
  const alone = await p99('alone')
  const sockets = await Promise.all([open(2_500, aTokenRequest), open(600, aPublish)])
  await heard()
  await heard()
  const beside = await p99('beside')
  peak = Math.max(peak, resident())
  for (const socket of sockets.flat()) socket.destroy()
  clearInterval(watch)
  expect(peak - rest).toBeLessThan(150)
  expect(beside / alone).toBeLessThan(2)
})
