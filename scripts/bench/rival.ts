// What is common to the rivals, job queues with one job an event: each runs in a process of its
// own, or in one that publishes and one that works, as Millrace does, and takes the calls below.

import { type Remote, startRemote } from '../kit/remote.ts'
import { newEvent } from './events.ts'
import { type JobData, jobOf } from './post.ts'
import type { Stage } from './stage.ts'

/** Jobs of events `from` to `from + count - 1`, as fast as the rival takes them. */
type Backlog = { url: string; from: number; count: number; tuned: boolean }
/** One job a call, `concurrency` calls at once: what a publisher does. */
export type Publishing = Backlog & { concurrency: number }
/** Sends to `target`, as the rival comes or at its best tuning. */
type Work = { url: string; target: string; tuned: boolean }

/** What a rival's file serves as a process. */
export type RivalMethods = {
  fill(backlog: Backlog): Promise<void>
  publish(publishing: Publishing): Promise<void>
  work(work: Work): Promise<void>
  /** Finishes what is under way and takes no more jobs. */
  rest(): Promise<void>
}

export type Rival = {
  url: string
  publisher: Remote
  worker: Remote
  stop(): Promise<void>
}

const rivalFiles = {
  graphile: 'bench/rival-graphile.ts',
  pgboss: 'bench/rival-pgboss.ts',
  bullmq: 'bench/rival-bullmq.ts',
} as const

export const ENTITIES = 4_096
/** Apart from what is published over HTTP, with the same keys. */
export const PUBLISHER_TENANT = 'publisher'
const BATCH = 500

/** The jobs of some events of a backlog, batch by batch. */
export function* batchesOf({ from, count, tuned }: Backlog): Generator<JobData[]> {
  for (let done = 0; done < count; done += BATCH) {
    const size = Math.min(BATCH, count - done)
    yield Array.from({ length: size }, (_, i) => jobAt(from + done + i, tuned))
  }
}

/** The job of event number `i`. */
export function jobAt(i: number, tuned: boolean): JobData {
  return jobOf(newEvent(i, { entities: ENTITIES }), tuned)
}

/** Calls `add` for each event, so many at once. */
export async function addEach(
  { from, count, concurrency }: Omit<Publishing, 'tuned'>,
  add: (i: number) => Promise<unknown>,
): Promise<void> {
  let next = from
  const loop = async () => {
    while (next < from + count) await add(next++)
  }
  await Promise.all(Array.from({ length: concurrency }, loop))
}

/**
 * The processes of a rival, on a database of the stage, or on the Redis given. One alone is enough
 * where it does not publish while it works.
 */
export async function startRival(
  kind: keyof typeof rivalFiles,
  place: { stage: Stage } | { redisUrl: string },
  processes: 1 | 2,
): Promise<Rival> {
  const database = 'stage' in place ? await place.stage.database(`rival_${kind}`) : undefined
  const url = 'stage' in place ? (database?.url as string) : place.redisUrl
  const publisher = await startRemote(rivalFiles[kind])
  const worker = processes === 1 ? publisher : await startRemote(rivalFiles[kind])
  return {
    url,
    publisher,
    worker,
    async stop() {
      await Promise.all([publisher.stop(), worker.stop()])
      await database?.drop()
    },
  }
}
