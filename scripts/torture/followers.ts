// Followers of the log: each comes back with its last id, to any server, through kills and
// failovers. In the end each has what the log has, once and in its order. One reads slowly.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from '../kit/chance.ts'
import type { Findings } from '../kit/findings.ts'
import { type Follower, openFollower } from '../kit/follower.ts'
import { within } from '../kit/until.ts'
import { OTHER_TENANT, TENANT } from './event.ts'
import type { Managed } from './processes.ts'
import type { Session } from './session.ts'

/** Few of them: often one is the first of its tenant on a server, and begins behind the tail. */
const FOLLOWERS = [
  { tenant: TENANT, isSlow: true, longestStayMs: 8_000 },
  { tenant: TENANT, isSlow: false, longestStayMs: 500 },
  { tenant: OTHER_TENANT, isSlow: false, longestStayMs: 500 },
]
const AGAIN_MS = 50
const SLOW_PAUSE_MS = 1_500
/** Longer than a freeze, and than the time after which a slow client is cut off. */
const CAUGHT_UP_MS = 40_000

type Followed = (typeof FOLLOWERS)[number] & {
  ids: number[]
  lastId: number
  follower?: Follower
}

type Followers = {
  counts: { streams: number; events: number }
  /** Waits until they have the whole log, ends them, and compares them with it. */
  check(session: Session): Promise<void>
}

export function startFollowers(
  servers: Managed[],
  { chance, findings }: { chance: Chance; findings: Findings },
): Followers {
  const counts = { streams: 0, events: 0 }
  const all: Followed[] = FOLLOWERS.map((one) => ({ ...one, ids: [], lastId: 0 }))
  let isOver = false
  const following = all.map(async (one) => {
    while (!isOver) {
      await followOnce(one)
      await sleep(AGAIN_MS)
    }
  })

  return {
    counts,
    async check(session) {
      const logs = new Map<string, number[]>()
      for (const tenant of [TENANT, OTHER_TENANT])
        logs.set(tenant, await positionsOf(session, tenant))
      const logOf = ({ tenant }: Followed) => logs.get(tenant) ?? []
      await within(CAUGHT_UP_MS, () => all.every((one) => one.ids.at(-1) === logOf(one).at(-1)))
      isOver = true
      for (const { follower } of all) follower?.close()
      await Promise.all(following)
      for (const [index, one] of all.entries()) {
        counts.events += one.ids.length
        judgeFollower(`follower ${index}`, one.ids, logOf(one), findings)
      }
    },
  }

  /** One connection, to a server that is there. */
  async function followOnce(one: Followed): Promise<void> {
    const urls = servers.flatMap((server) => server.url() ?? [])
    if (urls.length === 0) return
    const { tenant, isSlow, longestStayMs, lastId } = one
    const follower = openFollower(chance.pick(urls), {
      tenant,
      lastId,
      onEvent: ({ id }) => one.ids.push(id),
    })
    one.follower = follower
    counts.streams++
    const leave = setTimeout(() => follower.close(), chance.whole(50, longestStayMs))
    const pausing = isSlow ? setInterval(() => pauseFor(follower), SLOW_PAUSE_MS * 2) : undefined
    await follower.ended
    clearTimeout(leave)
    clearInterval(pausing)
    if (follower.status === 200) one.lastId = follower.lastId
  }
}

function pauseFor(follower: Follower): void {
  follower.pause()
  setTimeout(() => follower.resume(), SLOW_PAUSE_MS)
}

/** Compares what a follower got with the log. */
export function judgeFollower(
  name: string,
  ids: number[],
  log: number[],
  findings: Findings,
): void {
  const stored = new Set(log)
  const seen = new Set<number>()
  let newest = 0
  for (const id of ids) {
    if (!stored.has(id)) findings.broke('followed, and not in the log', `${name}: ${id}`)
    else if (seen.has(id)) findings.broke('followed twice', `${name}: ${id}`)
    else if (id < newest) findings.broke('followed out of order', `${name}: ${id}`)
    seen.add(id)
    newest = Math.max(newest, id)
  }
  for (const position of log) {
    if (!seen.has(position)) findings.broke('not followed', `${name}: ${position}`)
  }
}

async function positionsOf(session: Session, tenant: string): Promise<number[]> {
  const rows = await session.ask<{ position: number }>(
    `select position from event where tenant = $1 and name not like 'millrace.%' order by position`,
    [tenant],
  )
  if (!rows) throw new Error('The database did not answer.')
  return rows.map(({ position }) => position)
}
