// LISTEN that never gives up, on its own connection. Notifications only save time, and may get
// lost: after every reconnect the listeners learn that they may have missed some. A connection must
// listen on every channel. A connection that merely answers would stay deaf: its LISTEN was
// cancelled, or the server is a standby.

import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Logger } from '../logger.ts'
import { openClient } from './session.ts'

/** The channels of NOTIFY, each with its payload. */
export const channels = {
  /** A tenant has new events. Payload: the tenant. */
  wake: 'millrace_wake',
  /** A consumer was stopped, changed or removed. Payload: "tenant/consumer". */
  halt: 'millrace_halt',
  /** An alert was appended (append_alert). Payload: its tenant, name, id and reason as JSON. */
  alert: 'millrace_alert',
} as const

const CHECK_MS = 5_000
const RETRY_MS = 200

export type Listener = {
  on(channel: string, handler: (payload: string) => void): void
  onReconnect(handler: () => void): void
  close(): Promise<void>
}

/**
 * Listens on every channel; resolves with the first connection, rejects if there is none. Each new
 * connection runs `statement` before it listens.
 */
export async function listen(url: string, logger: Logger, statement?: string): Promise<Listener> {
  const handlers = new Map<string, (payload: string) => void>()
  let onReconnect = () => {}
  let isClosed = false
  let client = watch(await connect(url, statement))

  return {
    on: (channel, handler) => void handlers.set(channel, handler),
    onReconnect(handler) {
      onReconnect = handler
    },
    async close() {
      isClosed = true
      await client.end()
    },
  }

  /** Watches a listening connection until it ends, and then opens another. */
  function watch(connected: pg.Client): pg.Client {
    let isOver = false
    const over = () => {
      if (isOver) return
      isOver = true
      clearInterval(check)
      void connected.end()
      if (!isClosed) void reconnect()
    }
    // A dead network reports nothing; the time limit of this statement detects it.
    const check = setInterval(() => connected.query('select 1').catch(over), CHECK_MS)
    connected.on('notification', ({ channel, payload = '' }) => handlers.get(channel)?.(payload))
    connected.once('end', over)
    return connected
  }

  async function reconnect(): Promise<void> {
    logger.warn('notifications are lost until the connection is back')
    while (!isClosed) {
      const connected = await connect(url, statement).catch(() => undefined)
      if (!connected) await sleep(RETRY_MS)
      else if (isClosed) return void connected.end()
      else {
        client = watch(connected)
        return onReconnect()
      }
    }
  }
}

async function connect(url: string, statement?: string): Promise<pg.Client> {
  const client = await openClient(url, 'millrace listen', 'relaxed', {
    query_timeout: CHECK_MS * 2,
  })
  try {
    if (statement) await client.query(statement)
    await client.query(
      Object.values(channels)
        .map((name) => `LISTEN "${name}"`)
        .join(';'),
    )
    return client
  } catch (error) {
    void client.end()
    throw error
  }
}
