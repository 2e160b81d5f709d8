// A semaphore: at most N holders at once, and the others wait in line.

export type Semaphore = {
  /**
   * Resolves once it has entered, with the function to leave; with undefined if `signal` is aborted
   * before.
   */
  enter(signal: AbortSignal): Promise<(() => void) | undefined>
}

export function createSemaphore(most: number): Semaphore {
  const waiting = new Set<() => void>()
  let free = most

  return {
    async enter(signal) {
      if (signal.aborted) return undefined
      if (free > 0) free--
      else if (!(await isNext(signal))) return undefined
      return leave
    },
  }

  function isNext(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const next = () => {
        signal.removeEventListener('abort', giveUp)
        resolve(true)
      }
      const giveUp = () => {
        waiting.delete(next)
        resolve(false)
      }
      waiting.add(next)
      signal.addEventListener('abort', giveUp, { once: true })
    })
  }

  /** Lets the next in line enter, if there is one. */
  function leave(): void {
    const [next] = waiting
    if (!next) free++
    else {
      waiting.delete(next)
      next()
    }
  }
}
