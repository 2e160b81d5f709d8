// Streams of a service for tests: what they got, and the log to compare it with.

import type pg from 'pg'
import { onTestFinished } from 'vitest'
import { publish } from '../../scripts/kit/client.ts'
import { type FollowedEvent, type Follower, openFollower } from '../../scripts/kit/follower.ts'
import { until } from '../../scripts/kit/until.ts'

type Stream = Follower & {
  events: FollowedEvent[]
  ids(): number[]
  /** Resolves once it has this many events. */
  has(count: number): Promise<unknown>
}

/** A stream that has begun; it is closed with the test. */
export async function openStream(
  url: string,
  options: Parameters<typeof openFollower>[1] = {},
): Promise<Stream> {
  const events: FollowedEvent[] = []
  const follower = openFollower(url, { ...options, onEvent: (event) => events.push(event) })
  onTestFinished(() => follower.close())
  await until('the stream has begun', () => follower.rest.includes('retry'))
  return Object.assign(follower, {
    events,
    ids: () => events.map(({ id }) => id),
    has: (count: number) => until(`there are ${count} events`, () => events.length >= count),
  })
}

/** Publishes an event with a payload that names its key; resolves with its position. */
export async function put(
  url: string,
  key: string,
  more: Partial<Parameters<typeof publish>[1]> = {},
): Promise<number> {
  const { status, body } = await publish(url, { key, payload: `{"key":"${key}"}`, ...more })
  if (status !== 201) throw new Error(JSON.stringify(body))
  return body.position
}

/** The positions of a tenant's log after one. */
export async function positionsAfter(
  pool: pg.Pool,
  after: number,
  tenant = 'dodici',
): Promise<number[]> {
  const { rows } = await pool.query<{ position: number }>(
    'select position from event where tenant = $1 and position > $2 order by position',
    [tenant, after],
  )
  return rows.map(({ position }) => position)
}
