// The newest events of the tenant, and how many come a second, as they come.

import { useEffect, useState } from 'preact/hooks'
import { searchEvents } from '../app/events.js'
import { tenant } from '../app/session.js'
import { followEvents } from '../app/stream.js'

const SHOWN = 12
export const SECONDS_SHOWN = 180
/** The page is drawn this often at most, however many events come. */
const DRAW_MS = 500

/**
 * `perSecond` has the counts of the last seconds, the oldest first; the last one is complete.
 * @typedef {{ events: import('../app/payload.js').LoggedEvent[], perSecond: number[],
 *   isOpen: boolean, isLoaded: boolean }} Live
 */

/** @returns {Live} */
export function useLive() {
  const [live, setLive] = useState(nothing)
  useEffect(() => {
    const stop = new AbortController()
    setLive(nothing())
    void follow(stop.signal, setLive)
    return () => stop.abort()
  }, [tenant.value])
  return live
}

/** @returns {Live} */
const nothing = () => ({ events: [], perSecond: [], isOpen: false, isLoaded: false })

/**
 * @param {AbortSignal} signal
 * @param {(next: Live) => void} show
 */
async function follow(signal, show) {
  const live = nothing()
  let second = Math.floor(Date.now() / 1000)
  let count = 0
  const draw = () => {
    const now = Math.floor(Date.now() / 1000)
    for (; second < now; second++) {
      live.perSecond = [...live.perSecond, count].slice(-SECONDS_SHOWN)
      count = 0
    }
    show({ ...live })
  }
  const found = await searchEvents({ order: 'desc', limit: SHOWN }, { signal }).catch(
    () => undefined,
  )
  if (signal.aborted) return
  live.events = found?.events ?? []
  live.isLoaded = found !== undefined
  draw()
  const timer = setInterval(draw, DRAW_MS)
  await followEvents({
    signal,
    after: live.events[0]?.position,
    onEvent(event) {
      count++
      live.isLoaded = true
      live.events = [event, ...live.events].slice(0, SHOWN)
    },
    onState(isOpen) {
      live.isOpen = isOpen
    },
  })
  clearInterval(timer)
}
