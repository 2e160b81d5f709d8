// The contracts of destinations: send() one event, or write() a file of many, and report the
// outcome. An answer of the target is a value, never an exception. A destination sees no database,
// and knows nothing of retries.

/**
 * An event to be sent. `publishedAt` is RFC 3339; `payload` is the JSON text exactly as published.
 */
export type OutgoingEvent = {
  tenant: string
  position: number
  name: string
  entityId: string
  idempotencyKey: string
  publishedAt: string
  payload: string
  /** The trace to go on with, by W3C Trace Context; null: none. */
  traceparent: string | null
  /** Of a test event: its webhook-id. The request also says that it is a test. */
  testId?: string
}

/**
 * * delivered: the target has acknowledged it.
 * * rejected: the target will never accept this event (400; 413 if it is too large).
 * * refused: the target accepts nothing more (403, 410).
 * * unavailable: try again later.
 * `reason` is for people; `response` is the start of the answer's body.
 */
export type Outcome =
  | { kind: 'delivered'; status: number }
  | { kind: 'rejected'; status: number; reason: string; response: string }
  | { kind: 'refused'; status?: number; reason: string; response?: string }
  | {
      kind: 'unavailable'
      reason: string
      status?: number
      response?: string
      /** The target is overloaded: send fewer at once. */
      isThrottled?: boolean
      /** The pause that the target asks for (Retry-After), in milliseconds from now. */
      retryAfterMs?: number
      /** It was not sent: the sender has lost its right to. That says nothing about the target. */
      isHalted?: boolean
    }

/** Every outcome but delivered. */
export type Failure = Exclude<Outcome, { kind: 'delivered' }>

export type Destination = {
  /**
   * Sends one event. Never throws. Calls `settled` once, and not through a promise: so an event
   * sent from there can use the connection of this answer. `maySend` is asked before the same
   * request leaves again: the sender may have lost its lease meanwhile.
   */
  send(event: OutgoingEvent, settled: (outcome: Outcome) => void, maySend?: () => boolean): void
}

/** Sends one event, for callers that do not send the next one from the callback. Never rejects. */
export function sendOne(destination: Destination, event: OutgoingEvent): Promise<Outcome> {
  return new Promise((resolve) => destination.send(event, resolve, () => true))
}

/** A destination that can send nothing, for a reason on our side. */
export function unavailableDestination(reason: string): Destination {
  return { send: (_, settled) => settled({ kind: 'unavailable', reason }) }
}

/** A store that can write nothing, for a reason on our side. */
export function unavailableStore(reason: string): FileStore {
  const failure = { kind: 'unavailable', reason } as const
  return { write: async () => failure, discard: async () => failure, halt() {}, close() {} }
}

/** The outcome of a file that was not written. halted: the caller has lost its right to send. */
export type FileFailure = Exclude<Failure, { kind: 'rejected' }> | { kind: 'halted' }

type FileOutcome = { kind: 'delivered'; bytes: number; sha256: Buffer } | FileFailure

export type FileStore = {
  /**
   * Writes a file under a key, whole or not at all; it replaces an existing one. A chunk may be
   * reused once the next one is requested. `maySend` is asked before each request. Rejects only
   * with an error of `chunks` or `onBegun`.
   */
  write(
    key: string,
    chunks: AsyncIterable<Buffer>,
    options: {
      compression: 'gzip' | null
      maySend: () => boolean
      /**
       * Gets the name that discard() needs to clear this write; awaited before there is much to
       * clear.
       */
      onBegun: (uploadId: string) => Promise<void>
    },
  ): Promise<FileOutcome>
  /** Removes what unfinished writes of a key have left behind; `uploadId` is the last one's. */
  discard(
    key: string,
    options: { uploadId: string | null; maySend: () => boolean },
  ): Promise<FileFailure | undefined>
  /** Cuts off requests in flight. */
  halt(): void
  close(): void
}
