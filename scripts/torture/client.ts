// A client of the service while any of its processes may be dead, frozen or without a database: one
// request, and its outcome as a value.

import { EVENTSTREAM, send } from '../kit/client.ts'
import { TENANT } from './event.ts'
import type { Managed } from './processes.ts'

export type Answer = { status: number; body: Record<string, unknown> }

export type Client = {
  /** The URL of one of the serving processes that are ready; undefined: none is. */
  urlOf(pick: number): string | undefined
  /** The answer of one of the serving processes; undefined if there was none. */
  send(
    path: string,
    options: {
      headers?: Record<string, string>
      body?: string
      method?: string
      timeoutMs?: number
      pick: number
    },
  ): Promise<Answer | undefined>
  /** A call of the configuration API, repeated until the answer is not 5xx. */
  configure(method: string, path: string, body?: unknown, tenant?: string): Promise<Answer>
}

/** A frozen process may answer when it thaws: a repeated command could arrive late. */
const PATIENCE_MS = 30_000

export function createClient(servers: Managed[], isOver: () => boolean): Client {
  let turn = 0

  const client: Client = {
    urlOf(pick) {
      const ready = servers.filter((server) => server.url() !== undefined)
      return ready[pick % Math.max(1, ready.length)]?.url()
    },
    async send(path, { headers, body, method = 'POST', timeoutMs = 2_500, pick }) {
      const url = client.urlOf(pick)
      if (url === undefined) return undefined
      const request = { method, headers: { tenant: TENANT, ...headers }, timeoutMs, body }
      const { status, body: answer } =
        (await send(url + path, request).catch(() => undefined)) ?? {}
      return status === undefined ? undefined : { status, body: answer || {} }
    },
    async configure(method, path, body, tenant = TENANT) {
      for (;;) {
        const answer = await client.send(EVENTSTREAM + path, {
          method,
          headers: { tenant },
          timeoutMs: PATIENCE_MS,
          pick: turn++,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        })
        if (answer && (answer.status < 500 || answer.status === 502)) return answer
        if (isOver()) throw new Error(`${method} ${path} had no answer until the end.`)
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    },
  }
  return client
}
