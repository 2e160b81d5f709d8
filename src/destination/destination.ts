// The contracts of destinations: send() one event, or write() a file of many, and say what came of
// it. An answer of the target is a value, never an exception; a destination sees no database and
// knows nothing of retries.

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
 * delivered: acknowledged. rejected: the target will never take this event (400; 413 where it is
 * too large to be sent). refused: the target will take nothing more (403, 410). unavailable: try
 * again later. `reason` is for people; `response` is the start of the answer's body.
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
      /** It gets too many: fewer at once, please. */
      isThrottled?: boolean
      /** What the target asked for (Retry-After), in milliseconds from now. */
      retryAfterMs?: number
    }

/** What is not delivered. */
export type Failure = Exclude<Outcome, { kind: 'delivered' }>

export type Destination = {
  /**
   * Sends one event. Never throws. `settled` is called once, and not by way of a promise, so that
   * what is sent from there can leave on the connection that the answer came on. `mayGo` is asked
   * before the same request leaves once more: the sender may have lost its lease meanwhile.
   */
  send(event: OutgoingEvent, settled: (outcome: Outcome) => void, mayGo?: () => boolean): void
}

/** Sends one event, for who sends no next one. Never rejects. */
export function sendOne(destination: Destination, event: OutgoingEvent): Promise<Outcome> {
  return new Promise((resolve) => destination.send(event, resolve, () => true))
}

/** A destination that nothing can be sent to, for a reason of ours. */
export function unavailableDestination(reason: string): Destination {
  return { send: (_, settled) => settled({ kind: 'unavailable', reason }) }
}

/** A store that nothing can be written to, for a reason of ours. */
export function unavailableStore(reason: string): FileStore {
  const failure = { kind: 'unavailable', reason } as const
  return { write: async () => failure, discard: async () => failure, halt() {}, close() {} }
}

/** What became of a file that was not written. halted: nothing was to leave any more. */
export type FileFailure = Exclude<Failure, { kind: 'rejected' }> | { kind: 'halted' }

type FileOutcome = { kind: 'delivered'; bytes: number; sha256: Buffer } | FileFailure

export type FileStore = {
  /**
   * Writes a file under a key, whole or not at all; one that stands there is replaced. Each of the
   * chunks is done with when the next one is asked for. `mayGo` is asked before each request.
   * Rejects only with an error of `chunks` or `onBegun`.
   */
  write(
    key: string,
    chunks: AsyncIterable<Buffer>,
    options: {
      compression: 'gzip' | null
      mayGo: () => boolean
      /** What discard() needs to clear this write; awaited before there is much to be cleared. */
      onBegun: (uploadId: string) => Promise<void>
    },
  ): Promise<FileOutcome>
  /** Removes what unfinished writes of a key have left behind; `uploadId` is of the last one. */
  discard(
    key: string,
    options: { uploadId: string | null; mayGo: () => boolean },
  ): Promise<FileFailure | undefined>
  /** Cuts off what is under way. */
  halt(): void
  close(): void
}
