// One POST over kept-alive connections, with one deadline for the whole of it. By dispatch(), with
// a handler of our own: request() makes a stream and an abort signal for each answer, a third of
// the cost of sending (measured), and all that is wanted here is a status and a few bytes.

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

/** `body` is undefined where it is longer than the limit; then it was not read to its end. */
export type Answer = { status: number; headers: IncomingHttpHeaders; body: Buffer | undefined }

/** No complete answer in time. */
export class TimeOut extends Error {}

const unsent = new WeakSet<Error>()

/** Whether the request of an error that post() rejected with may have reached its target. */
export function mayHaveLeft(error: Error): boolean {
  return !unsent.has(error)
}

const NOTHING = Buffer.alloc(0)
/** Answers before the answer, 100 Continue and the like. */
const MOST_INTERIM = 100

/** Time from now to the last byte of the answer, and the most that is read of it. */
export type PostLimits = { timeoutMs: number; responseBytes: number }

/**
 * Sends the request and reads the answer. Rejects with TimeOut, or with the error of the
 * connection; then it is not known whether the target has taken the request.
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

/** The same for who must know at once: `done` is called while the last byte is being read. */
export function exchange(
  dispatcher: Dispatcher,
  request: PostRequest,
  limits: PostLimits,
  done: (result: Answer | Error) => void,
): void {
  // Its own limits start anew with every byte; the one here is for all of it.
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
    // Its time ended while it waited for a connection: nothing must leave any more.
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
    // It is given a controller when it is written to a connection that stands.
    if (!this.#controller) unsent.add(error)
    this.#done(error)
    this.#controller?.abort(error)
  }

  /** Whether it was not over before. */
  #end(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    clearTimeout(this.#timer)
    return true
  }
}
