// How the ceiling and the rivals send, in their processes: undici's `request` on connections that
// are kept alive; the rivals with a signature, as Millrace makes it.

import { Pool } from 'undici'
import { sign, signingKey } from '../../src/destination/sign.ts'
import type { NewEvent } from '../../src/log/event.ts'
import { positionNow, webhookOf } from './events.ts'

/** What an integration is registered with, for the same signatures. */
export const SIGNING_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const keys = [signingKey(SIGNING_SECRET)]

type Post = (headers: Record<string, string>, body: string | Buffer) => Promise<void>

/** POSTs to one URL over at most `connections` connections. Rejects unless the answer is 200. */
export function createPost(target: string, connections: number): Post {
  const { origin, pathname: path } = new URL(target)
  const pool = new Pool(origin, { connections, pipelining: 1, keepAliveTimeout: 10_000 })
  return async (headers, body) => {
    const answer = await pool.request({ path, method: 'POST', headers, body })
    await answer.body.dump()
    if (answer.statusCode !== 200) throw new Error(`The receiver answered ${answer.statusCode}.`)
  }
}

/** A rival's job: the request, but for what depends on the moment. */
export type JobData = { id: string; key: string; body: string | object }

/**
 * The job of an event. As one writes it, its body is an object, like any job's data; at its best
 * it is the text that is to be sent, so that the worker has nothing to build.
 */
export function jobOf(event: NewEvent, tuned: boolean): JobData {
  const { headers, body } = webhookOf(event, positionNow())
  const id = headers['webhook-id'] as string
  return { id, key: event.idempotencyKey, body: tuned ? body : JSON.parse(body) }
}

/** The job's work: what Millrace does of an event. */
export function sendJob(post: Post, { id, key: idempotencyKey, ...job }: JobData): Promise<void> {
  const text = typeof job.body === 'string' ? job.body : JSON.stringify(job.body)
  const body = Buffer.from(text)
  const timestamp = String(Math.floor(Date.now() / 1000))
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'Millrace',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'idempotency-key': idempotencyKey,
    'webhook-signature': sign(keys, id, timestamp, body),
  }
  return post(headers, body)
}
