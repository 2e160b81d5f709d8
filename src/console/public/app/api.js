// Requests to the service. An answer that is an error becomes an ApiError with the service's own
// message. A request that gets no answer marks the connection as broken until another one does.

import { signal } from '@preact/signals'
import { closeSession, session } from './session.js'

const ROOT = new URL('.', document.baseURI)
/** Answers of what stands in front of the service while that is away. */
const AWAY = [502, 503, 504]
const TIMEOUT_MS = 60_000

/** Whether the service answers. */
export const isConnected = signal(true)

/** Grows with each change that this page makes: what it shows is read again. */
export const changes = signal(0)

/** @typedef {{ field: string, message: string }} Fault */

export class ApiError extends Error {
  /**
   * @param {number} status 0: there was no answer
   * @param {string} message
   * @param {Fault[]} [faults] of single fields of the request
   */
  constructor(status, message, faults = []) {
    super(message)
    this.status = status
    this.faults = faults
  }
}

/**
 * A list repeats its parameter.
 * @typedef {Record<string, string | number | string[] | undefined>} Query
 * @typedef {{ method?: string, query?: Query,
 *   body?: unknown, accept?: string, headers?: Record<string, string>, signal?: AbortSignal,
 *   token?: string, tenant?: string }} Asked
 */

/**
 * The answer to a request, if it is a success. `path` has no leading slash.
 * @param {string} path
 * @param {Asked} [asked]
 * @returns {Promise<Response>}
 */
export async function request(path, asked = {}) {
  const { method = 'GET', query = {}, body, accept, headers = {} } = asked
  const url = new URL(path, ROOT)
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value ?? []].flat()) url.searchParams.append(name, String(one))
  }
  const tenant = asked.tenant ?? session.value?.tenant ?? ''
  const answer = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${asked.token ?? session.value?.token}`,
      ...(tenant ? { tenant } : {}),
      ...(accept ? { accept } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    credentials: 'omit',
    cache: 'no-store',
    signal: asked.signal ?? AbortSignal.timeout(TIMEOUT_MS),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((error) => {
    if (asked.signal?.aborted) throw error
    isConnected.value = false
    throw new ApiError(0, error.message)
  })
  isConnected.value = !AWAY.includes(answer.status) || method !== 'GET'
  if (answer.ok) return answer
  if (answer.status === 401 && asked.token === undefined) closeSession('signIn.ended')
  throw await errorOf(answer)
}

/** @param {Response} answer */
async function errorOf(answer) {
  const text = await answer.text().catch(() => '')
  try {
    const { message, details } = JSON.parse(text)
    return new ApiError(answer.status, String(message), details)
  } catch {
    return new ApiError(answer.status, `HTTP ${answer.status} ${text.slice(0, 200)}`)
  }
}

/**
 * The JSON of an answer.
 * @param {string} path
 * @param {Asked} [asked]
 * @returns {Promise<any>}
 */
export async function ask(path, asked) {
  const answer = await request(path, asked)
  const text = await answer.text()
  return text === '' ? undefined : JSON.parse(text)
}

/**
 * A change: all that is shown is read again after it.
 * @param {string} path
 * @param {Asked} [asked]
 * @returns {Promise<any>}
 */
export async function change(path, asked) {
  try {
    return await ask(path, { method: 'POST', ...asked })
  } finally {
    changes.value++
  }
}
