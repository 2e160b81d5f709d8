// A line at the bottom of a terminal that is written over: a progress bar, or counts.

/** At most this often. */
const SHOWN_MS = 200
const BAR = 24
const CLEAR_LINE = '\r\u001b[K'

type StatusLine = {
  /** Shows a text, at most every 200 ms. */
  show(text: string): void
  /** Removes it, so that another line can be printed. */
  clear(): void
}

/** The status line of a stream. Without a terminal nothing is shown. */
export function createStatusLine(stream: NodeJS.WriteStream = process.stderr): StatusLine {
  let shownAt = 0
  let isShown = false
  return {
    show(text) {
      if (!stream.isTTY || (isShown && Date.now() - shownAt < SHOWN_MS)) return
      shownAt = Date.now()
      isShown = true
      stream.write(CLEAR_LINE + text.slice(0, stream.columns - 1))
    },
    clear() {
      if (isShown) stream.write(CLEAR_LINE)
      isShown = false
    },
  }
}

/** A bar with its percentage; `done` is from 0 to 1. */
export function bar(done: number): string {
  const share = Math.min(1, Math.max(0, done))
  const full = Math.round(share * BAR)
  const percent = String(Math.floor(share * 100)).padStart(3)
  return `[${'#'.repeat(full)}${'-'.repeat(BAR - full)}] ${percent} %`
}
