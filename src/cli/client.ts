// The client of the commands that call a running service. It uses MILLRACE_URL, and as token
// MILLRACE_TOKEN, or the admin token in the data directory of a service on this machine.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Config } from '../config.ts'

const TIMEOUT_MS = 30_000

/** The command line is wrong; the message tells the right usage. */
export class UsageError extends Error {}

/** Calls the service. Rejects with an Error for an operator unless the answer is 2xx. */
type Client = (method: string, path: string, body?: object) => Promise<unknown>

/** Sends `tenant`, if given, in the header. */
export function createClient(config: Config, { tenant }: { tenant?: string | undefined }): Client {
  const token = tokenOf(config)
  return async (method, where, body) => {
    const url = config.MILLRACE_URL.replace(/\/+$/, '') + where
    const answer = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(tenant ? { tenant } : {}) },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: 'manual',
      ...(body ? { body: JSON.stringify(body) } : {}),
    }).catch((error: Error) => {
      const reason = (error.cause as Error | undefined)?.message || error.message
      const remedy = 'Start the service, or set MILLRACE_URL.'
      throw new Error(`${url} does not answer: ${reason}. ${remedy}`, { cause: error })
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(messageOf(text) || `${url} answered ${answer.status}.`)
    return text === '' ? undefined : JSON.parse(text)
  }
}

function tokenOf(config: Config): string {
  const given = config.MILLRACE_TOKEN ?? config.MILLRACE_ADMIN_TOKEN
  if (given) return given
  const file = path.join(config.MILLRACE_DATA_DIR, 'admin-token')
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new Error(`The token is missing: set MILLRACE_TOKEN (${file} cannot be read).`, {
      cause: error,
    })
  }
}

/** The message of an error in either format of the API. */
function messageOf(text: string): string {
  try {
    return JSON.parse(text).message ?? text
  } catch {
    return text
  }
}
