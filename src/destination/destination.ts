// The contract of every destination: send() one event and say what came of it. An answer of the
// target is a value, never an exception; a destination sees no database and knows nothing of
// retries.

/**
 * An event on its way out. `publishedAt` is RFC 3339, `payload` the JSON text exactly as it was
 * published.
 */
export type OutgoingEvent = {
  tenant: string
  position: number
  name: string
  entityId: string
  idempotencyKey: string
  publishedAt: string
  payload: string
}

/**
 * delivered: acknowledged. rejected: the target will never take this event (400). refused: the
 * target will take nothing more (403, 410). unavailable: try again later. `reason` is for people;
 * `response` is the start of the answer's body.
 */
export type Outcome =
  | { kind: 'delivered'; status: number }
  | { kind: 'rejected' | 'refused'; status: number; reason: string; response: string }
  | {
      kind: 'unavailable'
      reason: string
      status?: number
      response?: string
      /** What the target asked for (Retry-After), in milliseconds from now. */
      retryAfterMs?: number
    }

/** What is not delivered. */
export type Failure = Exclude<Outcome, { kind: 'delivered' }>

export type Destination = {
  /** Sends one event. Never rejects. */
  send(event: OutgoingEvent): Promise<Outcome>
}
