// SIGTERM under load: every request that came in is answered, and no event is delivered twice.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { register } from '../../scripts/kit/client.ts'
import { type Receiver, startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { everythingArrives, publishLoad } from '../helpers/load.ts'
import { type Service, startService } from '../helpers/service.ts'

const database = useDatabase()
const start = () => startService('start', { DATABASE_URL: database.url })
let service: Service
let receiver: Receiver
beforeAll(async () => {
  receiver = await startReceiver()
  service = await start()
})
afterAll(() => Promise.all([service.kill('SIGTERM'), receiver.close()]))

describe('SIGTERM', () => {
  it('drops no request and delivers nothing twice', async () => {
    await register(service.url, 'erp', receiver.url)
    receiver.answer = (_, response) => setTimeout(() => response.end(), 3)
    const load = { events: 9_000, entities: 300, publishers: 32 }
    const publishing = publishLoad(() => service.url, load)
    for (let restart = 1; restart <= 3; restart++) {
      const next = restart * 1_500
      await until(`${next} have arrived`, () => receiver.received.length >= next, 60_000)
      const began = performance.now()
      expect(await service.kill('SIGTERM')).toBe(0)
      expect(performance.now() - began).toBeLessThan(10_000)
      service = await start()
    }
    const journal = await publishing
    expect(await everythingArrives(receiver, journal)).toBe(0)
  })

  it('waits for a request that is under way', async () => {
    let answer = () => {}
    receiver.answer = (_, response) => {
      answer = () => response.end()
    }
    const before = receiver.received.length
    const journal = await publishLoad(() => service.url, {
      events: 1,
      entities: 1,
      publishers: 1,
      prefix: 'slow',
    })
    await until('it is under way', () => receiver.received.length > before)
    const ended = service.kill('SIGTERM')
    await until('it is stopping', () => service.output().includes('stopping'))
    answer()
    expect(await ended).toBe(0)
    receiver.answer = (_, response) => response.end()
    service = await start()
    const next = await publishLoad(() => service.url, {
      events: 1,
      entities: 1,
      publishers: 1,
      prefix: 'after',
    })
    await until('the next has arrived', () =>
      receiver.received.some(({ position }) => position === next.stored.get('after-0')),
    )
    const [slow] = journal.stored.values()
    expect(receiver.received.filter(({ position }) => position === slow)).toHaveLength(1)
  })
})
