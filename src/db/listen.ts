// LISTEN that never gives up, on a connection of its own. A notification is only speed: whoever
// listens must also be right without it, so every reconnect tells its listeners that something may
// have been missed.

import pgListen, { type Subscriber } from 'pg-listen'
import type { Logger } from '../logger.ts'

/** The channels of NOTIFY, and what each payload is. */
export const channels = {
  /** A tenant has new events. Payload: the tenant. */
  wake: 'millrace_wake',
  /** An integration was stopped or removed. Payload: "tenant/consumer". */
  halt: 'millrace_halt',
} as const

export type Listener = {
  on(channel: string, handler: (payload: string) => void): void
  onReconnect(handler: () => void): void
  close(): Promise<void>
}

/**
 * Listens on every channel; resolves when the first connection stands, rejects where it cannot be
 * made.
 */
export async function listen(url: string, logger: Logger): Promise<Listener> {
  const subscriber: Subscriber<Record<string, string>> = pgListen.default(
    {
      connectionString: url,
      application_name: 'millrace listen',
      keepAlive: true,
      query_timeout: 10_000,
    },
    {
      retryTimeout: Number.POSITIVE_INFINITY,
      retryInterval: (attempt) => Math.min(100 * 2 ** attempt, 500),
      paranoidChecking: 5_000,
      // Payloads are plain words, not JSON.
      parse: (text) => text,
      serialize: (text) => text,
    },
  )
  subscriber.events.on('error', (error) => logger.warn({ reason: error.message }, 'listen failed'))
  await subscriber.connect()
  await Promise.all(Object.values(channels).map((channel) => subscriber.listenTo(channel)))
  return {
    on: (channel, handler) => {
      subscriber.notifications.on(channel, handler)
    },
    onReconnect: (handler) => {
      subscriber.events.on('connected', handler)
    },
    close: () => subscriber.close(),
  }
}
