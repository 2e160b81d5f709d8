// The sending of the ceiling and the rival: undici's `request` on kept-alive connections.

import { Pool } from 'undici'

/** The secret of the integrations, for the same signatures. */
export const SIGNING_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

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
