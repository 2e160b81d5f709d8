// The tenant's log as it grows: a reader of server-sent events over fetch, since EventSource sends
// no token. It comes back by itself after a break, where it was, and rests while nobody looks.

import { request } from './api.js'
import { eventOf } from './payload.js'

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 15_000
/** The service sends something every 15 seconds. */
const SILENCE_MS = 40_000

/**
 * Follows the log after a position, or from now on, until `signal` aborts.
 * @param {{ signal: AbortSignal, after?: number | undefined,
 *   onEvent(event: import('./payload.js').LoggedEvent): void,
 *   onState(isOpen: boolean): void }} options
 */
export async function followEvents({ signal, after, onEvent, onState }) {
  let lastId = after === undefined ? '' : String(after)
  let pauseMs = FIRST_PAUSE_MS
  while (!signal.aborted) {
    await untilVisible(signal)
    try {
      await readOnce({
        signal,
        lastId,
        onOpen() {
          pauseMs = FIRST_PAUSE_MS
          onState(true)
        },
        onId(id) {
          lastId = id
        },
        onEvent,
      })
    } catch {
      // Whatever has ended it: the next try begins where this one was.
    }
    if (signal.aborted) return
    onState(false)
    await pause(pauseMs * (0.5 + Math.random()), signal)
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
  }
}

/**
 * @param {{ signal: AbortSignal, lastId: string, onOpen(): void, onId(id: string): void,
 *   onEvent(event: import('./payload.js').LoggedEvent): void }} options
 */
async function readOnce({ signal, lastId, onOpen, onId, onEvent }) {
  const stop = new AbortController()
  const end = () => stop.abort()
  const hide = () => document.hidden && end()
  signal.addEventListener('abort', end, { once: true })
  document.addEventListener('visibilitychange', hide)
  let timer = setTimeout(end, SILENCE_MS)
  try {
    const answer = await request('events/stream', {
      accept: 'text/event-stream',
      signal: stop.signal,
      headers: lastId ? { 'last-event-id': lastId } : {},
    })
    onOpen()
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
    for (let rest = ''; reader; ) {
      const { done, value } = await reader.read()
      if (done) return
      clearTimeout(timer)
      timer = setTimeout(end, SILENCE_MS)
      const lines = (rest + value).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (line.startsWith('id:')) onId(line.slice(3).trim())
        if (line.startsWith('data:')) onEvent(eventOf(line.slice(5).trim()))
      }
    }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
    document.removeEventListener('visibilitychange', hide)
    end()
  }
}

/** @param {AbortSignal} signal */
function untilVisible(signal) {
  return new Promise((/** @type {(value: void) => void} */ resolve) => {
    if (!document.hidden || signal.aborted) return resolve()
    const look = () => {
      if (document.hidden && !signal.aborted) return
      document.removeEventListener('visibilitychange', look)
      resolve()
    }
    document.addEventListener('visibilitychange', look)
    signal.addEventListener('abort', look, { once: true })
  })
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 */
function pause(ms, signal) {
  return new Promise((/** @type {(value: void) => void} */ resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
