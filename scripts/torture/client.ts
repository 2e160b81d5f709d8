// The service as its clients see it, when any of its processes may be dead, frozen or without a
// database: one request, with whatever comes of it as a value.

import { Agent, request } from 'undici'
import { TENANT } from './event.ts'
import type { Managed } from './processes.ts'

export const TOKEN = 'torture-admin-token'
const EVENTSTREAM = '/api/v1/org/integrations/eventstream'

export type Answer = { status: number; body: Record<string, unknown> }

export type Client = {
  /** The answer of one of the serving processes; undefined where there was none. */
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
  /** A call of the configuration API, repeated until it has an answer that is not 5xx. */
  configure(method: string, path: string, body?: unknown, tenant?: string): Promise<Answer>
  close(): Promise<void>
}

/** A frozen process may answer when it thaws: a command that was given twice could come late. */
const PATIENCE_MS = 30_000

export function createClient(servers: Managed[], isOver: () => boolean): Client {
  const agent = new Agent({ connections: 128, keepAliveTimeout: 5_000, connectTimeout: 2_000 })
  let turn = 0

  const client: Client = {
    async send(path, { headers, body, method = 'POST', timeoutMs = 2_500, pick }) {
      const ready = servers.filter((server) => server.url() !== undefined)
      const url = ready[pick % Math.max(1, ready.length)]?.url()
      if (url === undefined) return undefined
      try {
        const answer = await request(url + path, {
          dispatcher: agent,
          method: method as 'POST',
          headers: { authorization: `Bearer ${TOKEN}`, tenant: TENANT, ...headers },
          headersTimeout: timeoutMs,
          bodyTimeout: timeoutMs,
          ...(body === undefined ? {} : { body }),
        })
        const text = await answer.body.text()
        return { status: answer.statusCode, body: text === '' ? {} : JSON.parse(text) }
      } catch {
        return undefined
      }
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
    close: () => agent.destroy(),
  }
  return client
}
