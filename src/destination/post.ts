// One POST over a kept-alive connection, with one deadline for all of it. It uses undici's
// dispatch() with its own handler, since only a status and a few bytes are wanted: request() makes
// a stream and an abort signal for each answer, which was a third of the cost of sending.

import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'

export type PostRequest = {
  /** "https://shop.example" */
  origin: string
  /** With the query. */
  path: string
  /** Name, value, name, value, … */
  headers: string[]
  body: Buffer
}

/** `body` is undefined if it exceeds the limit; then the rest was not read. */
export type Answer = { status: number; headers: IncomingHttpHeaders; body: Buffer | undefined }

/** No complete answer in time. */
export class TimeOut extends Error {}

const unsent = new WeakSet<Error>()

/** Whether the request may have reached its target, by an error of post(). */
export function mayHaveLeft(error: Error): boolean {
  return !unsent.has(error)
}

const NOTHING = Buffer.alloc(0)
/** The most interim answers (100 Continue and the like) before the final one. */
const MOST_INTERIM = 100

/** The time from now to the last byte of the answer, and the most bytes to read of it. */
export type PostLimits = { timeoutMs: number; responseBytes: number }

/**
 * Sends the request and reads the answer. Rejects with TimeOut, or with the error of the
 * connection; then the target may or may not have the request.
 */
export function post(
  dispatcher: Dispatcher,
  request: PostRequest,
  limits: PostLimits,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    exchange(dispatcher, request, limits, (result) => {
      if (result instanceof Error) reject(result)
      else resolve(result)
    })
  })
}

/** The same with a callback: `done` is called while the last byte is being read. */
export function exchange(
  dispatcher: Dispatcher,
  request: PostRequest,
  limits: PostLimits,
  done: (result: Answer | Error) => void,
): void {
  // undici's own time-outs restart with every byte; ours covers the whole request.
  const options = { ...request, method: 'POST', headersTimeout: 0, bodyTimeout: 0 } as const
  dispatcher.dispatch(options, new Exchange(limits, done))
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly #responseBytes: number
  readonly #done: (result: Answer | Error) => void
  /** Not AbortSignal.timeout: its timers live on after the answer, one for each event. */
  readonly #timer: NodeJS.Timeout
  #controller: Dispatcher.DispatchController | undefined
  #isOver = false
  #interim = 0
  #status = 0
  #headers: IncomingHttpHeaders = {}
  #chunks: Buffer[] = []
  #size = 0

  constructor({ timeoutMs, responseBytes }: PostLimits, done: (result: Answer | Error) => void) {
    this.#responseBytes = responseBytes
    this.#done = done
    this.#timer = setTimeout(() => this.#fail(new TimeOut()), timeoutMs)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // Its time ended while it waited for a connection: it must not leave any more.
    if (this.#isOver) controller.abort(new TimeOut())
  }

  onResponseStart(_: unknown, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200 && ++this.#interim > MOST_INTERIM) {
      this.#fail(new Error(`more than ${MOST_INTERIM} interim answers`))
    }
    this.#status = status
    this.#headers = headers
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    this.#size += chunk.length
    if (this.#size <= this.#responseBytes) this.#chunks.push(chunk)
    else this.#answer(undefined)
  }

  onResponseEnd(): void {
    this.#answer(this.#size === 0 ? NOTHING : Buffer.concat(this.#chunks))
  }

  onResponseError(_: unknown, error: Error): void {
    this.#fail(error)
  }

  #answer(body: Buffer | undefined): void {
    if (!this.#end()) return
    this.#done({ status: this.#status, headers: this.#headers, body })
    if (body === undefined) this.#controller?.abort(new Error('too long'))
  }

  #fail(error: Error): void {
    if (!this.#end()) return
    // It gets a controller when it is written to an open connection.
    if (!this.#controller) unsent.add(error)
    this.#done(error)
    this.#controller?.abort(error)
  }

  /** Returns false if it was over already. */
  #end(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    clearTimeout(this.#timer)
    return true
  }
}
