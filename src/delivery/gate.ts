// A gate that lets so many through at once; the others wait for their turn.

export type Gate = {
  /** Resolves when it is one's turn, with what is to be called at the end of it. */
  enter(): Promise<() => void>
}

export function createGate(places: number): Gate {
  const waiting: (() => void)[] = []
  let free = places

  return {
    async enter() {
      if (free > 0) free--
      else await new Promise<void>((resolve) => waiting.push(resolve))
      return leave
    },
  }

  /** The place goes to the next one, if there is one. */
  function leave(): void {
    const next = waiting.shift()
    if (next) next()
    else free++
  }
}
