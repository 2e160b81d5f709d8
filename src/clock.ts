// The process's clock: retention, expiry of keys, dates in the API. It is one function, so that a
// test can set the time. Leases and retries go by the database's clock (db/skew.ts).

/** Returns the current time in milliseconds since 1970, UTC. */
export type Clock = () => number

export const systemClock: Clock = () => Date.now()
