// A semaphore: at most N hold it at once, and the others wait in line.

export type Semaphore = {
  /**
   * Resolves when it is one's turn, with what is to be called at the end of it; with undefined
   * where `signal` is aborted before that.
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

  /** Hands over to the next in line, if there is one. */
  function leave(): void {
    const [next] = waiting
    if (!next) free++
    else {
      waiting.delete(next)
      next()
    }
  }
}
