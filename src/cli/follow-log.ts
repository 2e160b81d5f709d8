// Follows GET /events/stream: each event once and in order, over all ends of a connection. It comes
// back with the last id that it has seen.

import { setTimeout as sleep } from 'node:timers/promises'
import { AnswerError, type ServiceClient } from './client.ts'
import { readLines } from './lines.ts'

/** Three heartbeats: a connection that is silent for longer is dead. */
const SILENCE_MS = 45_000
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 15_000

type Following = {
  /** The filters. */
  query: URLSearchParams
  /** A position; undefined: from now on. */
  after: number | undefined
  /** Ends it. */
  signal: AbortSignal
  /** The service answers: what is published from now on will come. */
  onConnected?(): void
  /** Takes an event as its line of JSON. The next one waits for it. */
  onEvent(line: string, position: number): Promise<void>
  /** The log was read up to here. Returns whether to go on. */
  onPosition(position: number): boolean
  /** A connection has ended, for this reason. */
  onEnd(reason: string): void
}

/**
 * Resolves when `signal` is aborted, or `onPosition` returns false. Rejects if the service refuses,
 * or if the first connection fails: then the URL is probably wrong.
 */
export async function followLog(client: ServiceClient, following: Following): Promise<void> {
  const { signal, onEnd } = following
  const reader = { after: following.after, isOver: false, hasConnected: false }
  let pauseMs = FIRST_PAUSE_MS
  while (!signal.aborted && !reader.isOver) {
    const before = reader.after
    try {
      await readOnce(client, following, reader)
      if (reader.isOver) return
      onEnd('the service has ended the stream')
    } catch (error) {
      if (signal.aborted) return
      const { status = 500 } = error as Partial<AnswerError>
      const isRefused = error instanceof AnswerError && status < 500 && status !== 429
      if (isRefused || !reader.hasConnected || error instanceof ActError) throw error
      onEnd((error as Error).message)
    }
    pauseMs = reader.after === before ? Math.min(pauseMs * 2, LONGEST_PAUSE_MS) : FIRST_PAUSE_MS
    await sleep(pauseMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {})
  }
}

/** An event could not be handled: no connection is to blame. */
class ActError extends Error {}

type Reader = { after: number | undefined; isOver: boolean; hasConnected: boolean }

/** Reads one connection to its end. */
async function readOnce(
  client: ServiceClient,
  { query, signal, onConnected, onEvent, onPosition }: Following,
  reader: Reader,
): Promise<void> {
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(new Error('nothing came for 45 s')), SILENCE_MS)
  const both = AbortSignal.any([signal, silence.signal])
  const headers: Record<string, string> =
    reader.after === undefined ? {} : { 'last-event-id': String(reader.after) }
  try {
    const answer = await client.open('GET', `/events/stream?${query}`, { headers, signal: both })
    reader.hasConnected = true
    onConnected?.()
    let [id, data] = [Number.NaN, '']
    for await (const line of readLines(answer.body as AsyncIterable<Uint8Array>)) {
      timer.refresh()
      if (line.startsWith('id: ')) id = Number(line.slice(4))
      else if (line.startsWith('data: ')) data = line.slice(6)
      if (line !== '' || !Number.isSafeInteger(id)) continue
      if (data !== '') {
        await onEvent(data, id).catch((error: Error) => {
          throw new ActError(error.message, { cause: error })
        })
      }
      reader.after = id
      data = ''
      if (onPosition(id)) continue
      reader.isOver = true
      return
    }
  } finally {
    clearTimeout(timer)
    silence.abort()
  }
}
