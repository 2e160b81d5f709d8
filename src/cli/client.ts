// The client of the commands that call a running service. It loads nothing of the service: Node's
// fetch is enough.

import { printableLines } from '../input/printable.ts'

const TIMEOUT_MS = 30_000
const REMEDIES: Record<number, string> = {
  401: 'Log in with millrace login, or set MILLRACE_TOKEN.',
  403: 'Use a token with this scope; an admin makes one with millrace keys create.',
}

const NO_TENANT = 'The tenant is missing. Name it with --tenant, or set MILLRACE_TENANT.'

/** The command line is wrong; the message tells the right usage. */
export class UsageError extends Error {}

/** The service has answered with an error; the message is for an operator. */
export class AnswerError extends Error {
  readonly status: number
  readonly retryAfterMs: number | undefined
  constructor(message: string, { status, headers }: Response) {
    super(message)
    this.status = status
    const seconds = Number(headers.get('retry-after') ?? Number.NaN)
    this.retryAfterMs = Number.isFinite(seconds) ? seconds * 1_000 : undefined
  }
}

/** Nobody answers at the URL. */
export class NoAnswer extends Error {}

/** No token is known for the service. */
export class NoToken extends Error {}

/** Where the requests of a command go. Without `tenant` it is the only one of the token. */
export type Access = { url: string; token: string; tenant: string | undefined }

type Request = {
  headers?: Record<string, string>
  body?: string | Uint8Array<ArrayBuffer>
  /** Instead of the limit of 30 seconds. */
  signal?: AbortSignal
}

/** Both reject with an AnswerError unless the answer is 2xx, and with NoAnswer if there is none. */
export type ServiceClient = {
  /** Sends JSON; resolves with the JSON of the answer, undefined if it is empty. */
  call(method: string, path: string, body?: object): Promise<unknown>
  /** Resolves with the answer, whose body is still to be read. */
  open(method: string, path: string, request?: Request): Promise<Response>
}

export function createClient({ url, token, tenant }: Access): ServiceClient {
  async function open(method: string, where: string, request: Request = {}): Promise<Response> {
    const { headers, signal = AbortSignal.timeout(TIMEOUT_MS), body } = request
    const identity = { authorization: `Bearer ${token}`, ...(tenant ? { tenant } : {}) }
    const answer = await fetch(url + where, {
      method,
      headers: { ...identity, ...headers },
      signal,
      redirect: 'manual',
      ...(body === undefined ? {} : { body }),
    }).catch((error: Error) => {
      if (signal.aborted && signal.reason?.name !== 'TimeoutError') throw error
      throw new NoAnswer(noAnswer(url + where, error), { cause: error })
    })
    if (answer.ok) return answer
    throw new AnswerError(problemOf(url + where, answer, await answer.text()), answer)
  }
  return {
    open,
    async call(method, where, body) {
      const answer = await open(method, where, body ? { body: JSON.stringify(body) } : {})
      const text = await answer.text()
      return text === '' ? undefined : JSON.parse(text)
    },
  }
}

function noAnswer(url: string, error: Error): string {
  const reason = (error.cause as Error | undefined)?.message || error.message
  return `${url} does not answer: ${reason}. Start the service, or set MILLRACE_URL.`
}

function problemOf(url: string, { status }: Response, text: string): string {
  if (isTenantMissing(text)) return NO_TENANT
  const message = printableLines(messageOf(text)) || `${url} answered ${status}.`
  const remedy = REMEDIES[status]
  return remedy ? `${message} ${remedy}` : message
}

/** The message of an error in either format of the API. */
function messageOf(text: string): string {
  return errorOf(text).message ?? text
}

/** The API speaks of a header, which a user of commands does not know. */
function isTenantMissing(text: string): boolean {
  const { details } = errorOf(text)
  if (!Array.isArray(details)) return false
  return details.some((one) => one?.field === 'tenant' && one.code === 'required')
}

/** The fields of an error; none if the answer is from something else, such as a proxy. */
function errorOf(text: string): { message?: string; details?: unknown } {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}
