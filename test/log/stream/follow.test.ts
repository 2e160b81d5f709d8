// The parts of a stream alone: a follower of a tail that moves, catching up, and the registry.

import type { KyselyPlugin } from 'kysely'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createChance } from '../../../scripts/kit/chance.ts'
import { until } from '../../../scripts/kit/until.ts'
import { limits } from '../../../src/config.ts'
import { appendEvents } from '../../../src/log/append.ts'
import type { NewEvent } from '../../../src/log/event.ts'
import type { SearchFilter } from '../../../src/log/filter.ts'
import { createHub } from '../../../src/log/hub.ts'
import { createCatchUp } from '../../../src/log/stream/catch-up.ts'
import { follow } from '../../../src/log/stream/follow.ts'
import { createStreams } from '../../../src/log/stream/streams.ts'
import { createTails } from '../../../src/log/stream/tail.ts'
import { createLogger } from '../../../src/logger.ts'
import { useDatabase } from '../../helpers/database.ts'
import { anEvent } from '../../helpers/factory.ts'
import { positionsAfter } from '../../helpers/streams.ts'

const database = useDatabase()
const logger = createLogger('silent')
const EVERYTHING: SearchFilter = {
  entityId: undefined,
  entity: undefined,
  orderId: undefined,
  customerId: undefined,
  names: [],
  entities: [],
}

function openLog() {
  const hub = createHub({ url: database.url, database, sweepMs: 60_000, logger })
  onTestFinished(() => hub.close())
  let pagesRead = 0
  const counting: KyselyPlugin = {
    transformQuery({ node }) {
      if (JSON.stringify(node).includes('read_shown_page')) pagesRead++
      return node
    },
    transformResult: async ({ result }) => result,
  }
  const db = database.kysely.withPlugin(counting)
  const appendAll = async (events: NewEvent[]) => {
    const appended = await appendEvents(database.pool, events)
    for (const { tenant } of events) hub.moved(tenant)
    return appended.map(({ position }) => position)
  }
  const append = (tenant: string, payloads: string[]) =>
    appendAll(payloads.map((text) => anEvent({ tenant, payload: Buffer.from(text) })))
  const tails = createTails({ db, hub, logger })
  return { append, appendAll, tails, catchUp: createCatchUp(() => db), pagesRead: () => pagesRead }
}

type Log = ReturnType<typeof openLog>

/** A follower that takes what it gets when `mayTake` resolves. */
async function startFollower(
  { tails, catchUp }: Log,
  tenant: string,
  after: number,
  { mayTake = async () => {}, heartbeatMs = 60_000, filter = EVERYTHING } = {},
) {
  const ended = new AbortController()
  onTestFinished(() => ended.abort())
  const { tail, release } = await tails.open(tenant)
  const frames: string[] = []
  const sink = {
    async write(some: Buffer[]) {
      frames.push(...some.map(String))
      await mayTake()
      return !ended.signal.aborted
    },
  }
  const follower = { tenant, filter, tail, catchUp, sink, signal: ended.signal }
  const done = follow({ ...follower, heartbeatMs }, after).finally(release)
  const ids = () => frames.flatMap((frame) => /^id: (\d+)\ndata/.exec(frame)?.[1] ?? []).map(Number)
  return { frames, ids, done, end: () => ended.abort() }
}

describe('a follower', () => {
  it('has every event once in order, however it and the tail fall behind', async () => {
    const log = openLog()
    for (let seed = 1; seed <= 3; seed++) {
      const tenant = `tenant-${seed}`
      const chance = createChance(seed)
      const [first = 0] = await log.append(tenant, ['{"first":true}'])
      let isHeld = false
      const mayTake = async () => void (await until('it may take', () => !isHeld))
      const followers = [await startFollower(log, tenant, first)]
      for (let step = 0; step < 40; step++) {
        isHeld = chance.happens(0.5)
        const size = chance.pick([10, 1_000, 60_000, 300_000])
        const payloads = Array.from({ length: chance.whole(1, 6) }, () => `"${'x'.repeat(size)}"`)
        await log.append(
          tenant,
          payloads.map((text) => `{"text":${text}}`),
        )
        if (step % 8 === 0) followers.push(await startFollower(log, tenant, first, { mayTake }))
      }
      isHeld = false
      const all = await positionsAfter(database.pool, first, tenant)
      for (const { ids, end, done } of followers) {
        await until('it has the last event', () => ids().at(-1) === all.at(-1))
        expect(ids()).toEqual(all)
        end()
        await done
      }
    }
  })

  it('reads the log once for all of a tenant', async () => {
    const log = openLog()
    const [first = 0] = await log.append('crowd', ['{}'])
    const followers = await Promise.all(
      Array.from({ length: 50 }, () => startFollower(log, 'crowd', first)),
    )
    const [second] = await log.append('crowd', ['{"second":true}'])
    await until('all have it', () => followers.every(({ ids }) => ids()[0] === second))
    // At the wake-up, and at the hub's first connection.
    expect(log.pagesRead()).toBeLessThanOrEqual(3)
  })

  it('that is behind searches what its filter takes, and then follows', async () => {
    const log = openLog()
    const named = (index: number) => anEvent({ tenant: 'wide', entityId: `o-${index % 50}` })
    const appended = await log.appendAll(Array.from({ length: 500 }, (_, index) => named(index)))
    const filter = { ...EVERYTHING, entityId: 'o-7' }
    const { ids, end, done } = await startFollower(log, 'wide', 0, { filter })
    const [last] = await log.appendAll([named(6), named(7)])
    const all = appended.filter((_, index) => index % 50 === 7)
    const expected = [...all, (last ?? 0) + 1]
    await until('it has all of them', () => ids().length === expected.length)
    expect(ids()).toEqual(expected)
    expect(log.pagesRead()).toBeLessThanOrEqual(3)
    end()
    await done
  })

  it('names how far it has come in its signs of life, also if nothing passes', async () => {
    const log = openLog()
    const [first = 0] = await log.append('quiet', ['{}'])
    const { frames, end, done } = await startFollower(log, 'quiet', first, { heartbeatMs: 5 })
    await until('a sign of life', () => frames.includes(`: still here\nid: ${first}\n\n`))
    expect(frames[0]).toBe(`retry: 1000\nid: ${first}\n\n`)
    end()
    await done
  })
})

describe('catching up', () => {
  it('lets four of a tenant read at once, and others beside them', async () => {
    const { append, catchUp } = openLog()
    for (const tenant of ['greedy', 'modest']) await append(tenant, ['{}', '{}'])
    const { signal } = new AbortController()
    const read = (tenant: string) => catchUp.read({ tenant, filter: EVERYTHING, after: 0 }, signal)
    const first = await Promise.all(Array.from({ length: 4 }, () => read('greedy')))
    let isIn = false
    const fifth = read('greedy').finally(() => {
      isIn = true
    })
    const giveUp = new AbortController()
    const sixth = catchUp.read({ tenant: 'greedy', filter: EVERYTHING, after: 0 }, giveUp.signal)
    giveUp.abort()
    expect(await sixth).toBeUndefined()
    const beside = await read('modest')
    expect(beside).toMatchObject({ isLast: true })
    expect(beside?.rows).toHaveLength(2)
    expect(isIn).toBe(false)
    first[0]?.leave()
    first[0]?.leave()
    await fifth
    let seventhIsIn = false
    const seventh = read('greedy').finally(() => {
      seventhIsIn = true
    })
    await read('modest')
    expect(seventhIsIn).toBe(false)
    first[1]?.leave()
    await seventh
  })
})

describe('the streams of a process', () => {
  const aStream = (tenant: string) => ({ tenant, isAllowed: async () => true, end() {} })

  it('are bounded, also for one tenant, and none begins while the process stops', async () => {
    const streams = createStreams(logger)
    const removes = Array.from({ length: limits.streamsPerTenant }, () =>
      streams.add(aStream('greedy')),
    )
    expect(() => streams.add(aStream('greedy'))).toThrow('A tenant may have 1000 streams')
    for (let n = limits.streamsPerTenant; n < limits.streams; n++) streams.add(aStream(`t-${n}`))
    expect(() => streams.add(aStream('late'))).toThrow('Too many streams are open')
    removes[0]?.()
    removes[0]?.()
    streams.add(aStream('greedy'))
    expect(() => streams.add(aStream('greedy'))).toThrow('A tenant may have')
    await streams.stop()
    expect(() => streams.add(aStream('any'))).toThrow('The service is stopping')
  })
})
