// The longest pause between events, and when it began.

export type Silence = {
  /** Notes an event. */
  broken(): void
  longest(): { ms: number; since: number }
}

export function createSilence(): Silence {
  let last: number | undefined
  let longest = { ms: 0, since: 0 }
  return {
    broken() {
      const now = Date.now()
      if (last !== undefined && now - last > longest.ms) longest = { ms: now - last, since: last }
      last = now
    },
    longest: () => longest,
  }
}
