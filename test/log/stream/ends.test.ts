// How streams end: a stop, a kill, a lost database, and a client that reads nothing. A client that
// comes back with its last id has every event once, in order.

import { expect, it, onTestFinished } from 'vitest'
import { openFollower } from '../../../scripts/kit/follower.ts'
import { until } from '../../../scripts/kit/until.ts'
import { useDatabase } from '../../helpers/database.ts'
import { type Service, startService } from '../../helpers/service.ts'
import { openStream, positionsAfter, put } from '../../helpers/streams.ts'
import { startWire } from '../../helpers/wire.ts'

const database = useDatabase()

async function start(environment: NodeJS.ProcessEnv = {}): Promise<Service> {
  const service = await startService('serve', { DATABASE_URL: database.url, ...environment })
  onTestFinished(async () => void (await service.kill('SIGKILL')))
  return service
}

it('a stop ends all streams at once, each with whole events', async () => {
  const service = await start()
  const streams = await Promise.all(Array.from({ length: 20 }, () => openStream(service.url)))
  await put(service.url, 'before the stop')
  await Promise.all(streams.map((stream) => stream.has(1)))
  const begun = performance.now()
  const status = service.kill('SIGTERM')
  await Promise.all(streams.map((stream) => stream.ended))
  expect(performance.now() - begun).toBeLessThan(5_000)
  for (const { rest, events } of streams) {
    expect(rest).toContain(': the service is stopping\n')
    expect(events).toHaveLength(1)
  }
  expect(await status).toBe(0)
})

it('clients of a killed process have every event once when they come back', async () => {
  let service = await start()
  const first = await put(service.url, 'the first')
  const clients = Array.from({ length: 30 }, () => ({ ids: [] as number[], lastId: first }))
  let isOver = false
  const following = clients.map(async (client) => {
    while (!isOver) {
      const follower = openFollower(service.url, {
        lastId: client.lastId,
        onEvent: ({ id }) => client.ids.push(id),
      })
      const closing = until('it is over', () => isOver, 240_000).then(() => follower.close())
      await Promise.race([follower.ended, closing])
      client.lastId = Math.max(client.lastId, follower.lastId)
      await new Promise(setImmediate)
    }
  })
  let published = 0
  const publishing = (async () => {
    for (; published < 400; published++) {
      const key = `through kills ${published}`
      await until(`${key} is published`, () => put(service.url, key).catch(() => false))
    }
  })()
  for (const count of [80, 160, 240]) {
    await until(`${count} are published`, () => published >= count)
    await service.kill('SIGKILL')
    service = await start()
  }
  await publishing
  const all = await positionsAfter(database.pool, first)
  await until('all have the last', () => clients.every(({ ids }) => ids.at(-1) === all.at(-1)))
  isOver = true
  await Promise.all(following)
  for (const { ids } of clients) expect(ids).toEqual(all)
})

it('a lost database ends no stream, and nothing is missed', async () => {
  const wire = await startWire(database.url)
  onTestFinished(() => wire.close())
  const service = await start({ DATABASE_URL: wire.url, MILLRACE_SWEEP_MS: '200' })
  const other = await start()
  const stream = await openStream(service.url)
  const behind = await openStream(service.url, { query: '?after=0' })
  await until('it has caught up', () => behind.lastId > 0)
  wire.goDown()
  const position = await put(other.url, 'meanwhile')
  await until('the loss is noticed', () => service.output().includes('notifications are lost'))
  wire.comeUp()
  await until('both have it', () => [stream, behind].every(({ lastId }) => lastId === position))
  expect(stream.ids()).toEqual([position])
})

it('a client that reads nothing is cut off, and loses nothing when it comes back', async () => {
  const service = await start({ MILLRACE_LOG_LEVEL: 'debug' })
  const stream = await openStream(service.url)
  const witness = await openStream(service.url)
  stream.pause()
  const payload = JSON.stringify({ text: 'x'.repeat(1_000_000) })
  // More than the buffers of two sockets, and than the tail in memory.
  for (let n = 0; n < 24; n++) await put(service.url, `large-${n}`, { payload })
  const all = await positionsAfter(database.pool, 0)
  await until('the other has everything', () => witness.lastId === all.at(-1))
  await until('it is cut off', () => service.output().includes('reads too slowly'))
  stream.resume()
  await stream.ended
  expect(stream.events.length).toBeLessThan(24)
  const back = await openStream(service.url, { lastId: stream.lastId })
  await back.has(24 - stream.events.length)
  expect([...stream.ids(), ...back.ids()]).toEqual(witness.ids())
})
