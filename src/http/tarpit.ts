// Large refused bodies cost the process as much as good ones, but their sender does not even wait
// for a commit. So a sender of dozens waits for each answer (a tarpit).

import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTokenBuckets } from './token-bucket.ts'

const LARGE_BYTES = 16 * 1024
/** Refusals without delay, for each owner. */
const PER_SECOND = 20
const PAUSE_MS = 250

const buckets = createTokenBuckets()

/** Resolves when a refusal may be sent. `owner`: the owner of its body. */
export async function tarpit(owner: string, headers: IncomingHttpHeaders): Promise<void> {
  const { 'content-length': announced, 'transfer-encoding': chunked } = headers
  if (!(Number(announced) > LARGE_BYTES) && chunked === undefined) return
  const { taken } = buckets.take([{ name: owner, perSecond: PER_SECOND, burst: PER_SECOND }])
  if (!taken) await sleep(PAUSE_MS)
}
