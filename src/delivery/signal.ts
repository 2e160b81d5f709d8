// Waiting for something to happen. A signal that is raised while nobody waits is kept for the next
// wait. Each wait lets the event loop go round at least once: a loop that raises its own signal
// delays others and never locks them out.

export type Signal = {
  raise(): void
  /** Resolves when it is raised, at once if it was since the last wait, or after a time. */
  raisedOrAfter(milliseconds: number): Promise<void>
}

export function createSignal(): Signal {
  let isRaised = false
  let wakeUp: (() => void) | undefined

  return {
    raise() {
      isRaised = true
      wakeUp?.()
    },
    async raisedOrAfter(milliseconds) {
      if (isRaised) await new Promise((resolve) => setImmediate(resolve))
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
      isRaised = false
    },
  }
}
