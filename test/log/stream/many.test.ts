// A thousand followers of a tenant on one process: an event reaches all of them within a second.
// One more is refused.

import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { call } from '../../../scripts/kit/client.ts'
import { openFollower } from '../../../scripts/kit/follower.ts'
import { until } from '../../../scripts/kit/until.ts'
import { limits } from '../../../src/config.ts'
import { useDatabase } from '../../helpers/database.ts'
import { useService } from '../../helpers/service.ts'
import { put } from '../../helpers/streams.ts'

const EVENTS = 20
const FOLLOWERS = limits.streamsPerTenant
const database = useDatabase()
const service = useService('serve', database)

/** Resident memory in KiB; 0 if this system does not say. */
function residentKib(): number {
  try {
    const status = readFileSync(`/proc/${service.process.pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0)
  } catch {
    return 0
  }
}

it('an event reaches a thousand followers within a second', async () => {
  await put(service.url, 'warm')
  const before = residentKib()
  const counts = new Array<number>(FOLLOWERS).fill(0)
  const followers = counts.map((_, index) =>
    openFollower(service.url, {
      onEvent() {
        counts[index] = (counts[index] as number) + 1
      },
    }),
  )
  await until('all have begun', () => followers.every(({ rest }) => rest.includes('retry')))
  const each = (residentKib() - before) / FOLLOWERS
  const refused = await call(`${service.url}/events/stream`)
  expect([refused.status, refused.body['error_code']]).toEqual([429, 'too_many_streams'])
  expect(refused.headers['retry-after']).toBe('5')

  const times: number[] = []
  for (let n = 1; n <= EVENTS; n++) {
    const begun = performance.now()
    await put(service.url, `event-${n}`)
    await until('all have it', () => counts.every((count) => count === n))
    times.push(performance.now() - begun)
  }
  const [fastest = 0] = times.sort((a, b) => a - b)
  const median = times[EVENTS / 2]?.toFixed(0)
  console.log(
    `${FOLLOWERS} followers: ${each.toFixed(0)} KiB each, all have an event after ` +
      `${fastest.toFixed(0)} ms, median ${median} ms`,
  )
  expect(fastest).toBeLessThan(1_000)
  expect(each).toBeLessThan(150)
  for (const follower of followers) follower.close()
  await until('there is room again', async () => {
    const one = openFollower(service.url)
    await until('it has an answer', () => one.status > 0)
    one.close()
    return one.status === 200
  })
})
