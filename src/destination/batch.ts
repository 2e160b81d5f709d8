// Batches single items without a timer. All items added in one turn of the event loop leave at its
// end. While the maximum of batches is in flight, new items wait for the next one. An answer makes
// callers add again, so full batches follow full ones. Callers bound the queue: each waits for its
// result.

type Batching<Item, Result> = {
  /** The limits of a batch; a larger item goes alone. */
  maxItems: number
  maxBytes: number
  /** Batches in flight at once. */
  maxInFlight: number
  bytesOf(item: Item): number
  /** Resolves with a result for each item, in order. */
  send(items: Item[]): Promise<Result[]>
}

type Waiting<Item, Result> = {
  item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

/**
 * A function that adds an item and resolves with its result. Items leave in the order in which they
 * were added; batches in flight may arrive in any order.
 */
export function createBatches<Item, Result>(
  batching: Batching<Item, Result>,
): (item: Item) => Promise<Result> {
  const waiting: Waiting<Item, Result>[] = []
  let inFlight = 0
  let isDue = false

  return (item) => {
    const result = new Promise<Result>((resolve, reject) => {
      waiting.push({ item, resolve, reject })
    })
    leaveSoon()
    return result
  }

  function leaveSoon(): void {
    if (isDue || waiting.length === 0) return
    isDue = true
    setImmediate(() => {
      isDue = false
      while (waiting.length > 0 && inFlight < batching.maxInFlight) void leave(take())
    })
  }

  /** The oldest items that fit. */
  function take(): Waiting<Item, Result>[] {
    let count = 0
    let bytes = 0
    for (const { item } of waiting) {
      bytes += batching.bytesOf(item)
      if (count > 0 && (bytes > batching.maxBytes || count === batching.maxItems)) break
      count++
    }
    return waiting.splice(0, count)
  }

  async function leave(batch: Waiting<Item, Result>[]): Promise<void> {
    inFlight++
    try {
      const results = await batching.send(batch.map(({ item }) => item))
      batch.forEach(({ resolve }, i) => {
        resolve(results[i] as Result)
      })
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      inFlight--
      leaveSoon()
    }
  }
}
