// The time that decides things (retries, retention, what "the future" is), in one place so that a
// test can say what time it is. SQL's clock_timestamp() only stamps, and hands out positions.

/** Returns the current time in milliseconds since 1970, UTC. */
export type Clock = () => number

export const systemClock: Clock = () => Date.now()
