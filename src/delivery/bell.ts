// Waiting for something to happen: a ring while nobody waits is kept for the next wait. Whoever
// waits lets the event loop go round once at least, so that a loop which rings for itself delays
// others and never locks them out.

type Bell = {
  ring(): void
  /** Resolves at the next ring, at once where it rang since the last wait, or after a time. */
  rungOrAfter(milliseconds: number): Promise<void>
}

export function createBell(): Bell {
  let hasRung = false
  let wakeUp: (() => void) | undefined

  return {
    ring() {
      hasRung = true
      wakeUp?.()
    },
    async rungOrAfter(milliseconds) {
      if (hasRung) await new Promise((resolve) => setImmediate(resolve))
      else {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, milliseconds)
          wakeUp = () => {
            clearTimeout(timer)
            resolve()
          }
        })
        wakeUp = undefined
      }
      hasRung = false
    },
  }
}
