// A signal to wait for. If it is raised while nobody waits, the next wait returns at once. Each
// wait lets the event loop turn at least once: a loop that raises its own signal delays others, but
// never locks them out.

export type Signal = {
  raise(): void
  /** Resolves when it is raised (at once, if it was since the last wait), or after a time. */
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
