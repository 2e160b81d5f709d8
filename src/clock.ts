// The clock for decisions (retries, retention, the limit of the future), in one place, so that a
// test can set the time. SQL's clock_timestamp() only stamps, and hands out positions.

/** Returns the current time in milliseconds since 1970, UTC. */
export type Clock = () => number

export const systemClock: Clock = () => Date.now()
