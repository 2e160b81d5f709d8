// Token buckets of this process, by name. A full bucket is equal to a new one, so full ones are
// forgotten. So the number of buckets is bounded by the takers within the time that a bucket needs
// to fill.

/** `perSecond` tokens are added a second, up to `burst`, which is 1 or more. */
export type Bucket = { name: string; perSecond: number; burst: number }

/** The state of the emptiest bucket. `readySeconds`: until each has a token again. */
export type BucketState = {
  taken: boolean
  bucket: Bucket
  remaining: number
  fullSeconds: number
  readySeconds: number
}

type Level = { bucket: Bucket; tokens: number; at: number }

/** The number of buckets at which full ones are removed. */
const FEW = 1_000

/**
 * Buckets that start full. `take` takes a token of each of them, or of none if one is empty; it
 * needs at least one bucket. `now` is a clock in milliseconds that never goes back.
 */
export function createTokenBuckets(now = () => performance.now()): {
  take(buckets: Bucket[]): BucketState
  readonly size: number
} {
  const levels = new Map<string, Level>()
  let sweepAt = FEW

  return {
    take(buckets) {
      const at = now()
      if (levels.size >= sweepAt) forgetFull(at)
      const found = buckets.map((bucket) => levelOf(bucket, at))
      const taken = found.every(({ tokens }) => tokens >= 1)
      if (taken) {
        for (const level of found) {
          level.tokens--
          levels.set(level.bucket.name, level)
        }
      }
      return stateOf(found, taken)
    },
    get size() {
      return levels.size
    },
  }

  /** The bucket's level at this moment; stored only if a token is taken. */
  function levelOf(bucket: Bucket, at: number): Level {
    const last = levels.get(bucket.name)
    if (!last) return { bucket, tokens: bucket.burst, at }
    return { bucket, tokens: refilled(last, at), at }
  }

  function forgetFull(at: number): void {
    for (const [name, level] of levels) {
      if (refilled(level, at) >= level.bucket.burst) levels.delete(name)
    }
    sweepAt = Math.max(FEW, 2 * levels.size)
  }
}

function refilled({ bucket, tokens, at: since }: Level, at: number): number {
  return Math.min(bucket.burst, tokens + ((at - since) / 1_000) * bucket.perSecond)
}

function stateOf(levels: Level[], taken: boolean): BucketState {
  const [emptiest] = levels.toSorted((a, b) => a.tokens - b.tokens) as [Level]
  const { bucket, tokens } = emptiest
  return {
    taken,
    bucket,
    remaining: Math.floor(tokens),
    fullSeconds: (bucket.burst - tokens) / bucket.perSecond,
    readySeconds: Math.max(...levels.map(waitOf)),
  }
}

function waitOf({ bucket, tokens }: Level): number {
  return Math.max(0, 1 - tokens) / bucket.perSecond
}
