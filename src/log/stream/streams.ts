// The streams of a process: how many there may be, whether their callers still may read, and their
// end when the process stops.

import { limits } from '../../config.ts'
import { MillraceError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { repeat } from '../../repeat.ts'
import { followers } from '../metrics.ts'

const CHECK_MS = 2_000
const RETRY_SECONDS = 5

type Stream = {
  tenant: string
  /** Whether its token is still valid, and has the scope. Never rejects. */
  isAllowed(): Promise<boolean>
  end(reason: string): void
}

export type Streams = {
  /**
   * Throws if there is no room for one more stream of a tenant. The returned function removes it.
   */
  add(stream: Stream): () => void
  /** Ends all streams, and takes no more. */
  stop(): Promise<void>
}

export function createStreams(logger: Logger): Streams {
  const streams = new Set<Stream>()
  const inCheck = new WeakSet<Stream>()
  const ofTenant = new Map<string, number>()
  let isStopping = false
  const checking = repeat('checking the tokens of streams', CHECK_MS, logger, checkAll)

  return {
    add(stream) {
      const own = ofTenant.get(stream.tenant) ?? 0
      if (isStopping) throw refusal('overloaded', 'The service is stopping; try again.')
      if (own >= limits.streamsPerTenant) {
        const message = `A tenant may have ${limits.streamsPerTenant} streams on a process.`
        throw refusal('too_many_streams', message)
      }
      if (streams.size >= limits.streams) {
        throw refusal('overloaded', 'Too many streams are open; try again.')
      }
      streams.add(stream)
      ofTenant.set(stream.tenant, own + 1)
      followers.add(1, 'stream')
      return () => remove(stream)
    },
    async stop() {
      isStopping = true
      for (const stream of streams) stream.end('the service is stopping')
      await checking.stop()
    },
  }

  function remove(stream: Stream): void {
    if (!streams.delete(stream)) return
    followers.add(-1, 'stream')
    const left = (ofTenant.get(stream.tenant) ?? 1) - 1
    if (left > 0) ofTenant.set(stream.tenant, left)
    else ofTenant.delete(stream.tenant)
  }

  /** One that waits, for the keys of an issuer that is silent, keeps no other one waiting. */
  async function checkAll(): Promise<void> {
    for (const stream of streams) if (!inCheck.has(stream)) void check(stream)
  }

  async function check(stream: Stream): Promise<void> {
    inCheck.add(stream)
    if (!(await stream.isAllowed())) stream.end('the token is not valid any more')
    inCheck.delete(stream)
  }
}

function refusal(
  code: 'unavailable' | 'too_many_streams' | 'overloaded',
  message: string,
): MillraceError {
  return new MillraceError(code, message, { retryAfterSeconds: RETRY_SECONDS })
}
