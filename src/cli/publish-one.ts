// millrace publish --name: publishes one event, whose payload is a file, byte for byte. It has one
// key over all tries, so that an unknown outcome publishes it once.

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { readNamedFile } from './arguments.ts'
import { UsageError } from './client.ts'
import { type CommonOptions, exchangeOf, type Surroundings } from './client-command.ts'
import { mayRetry, pauseMs, TRIES } from './publish-retry.ts'

export type OneOptions = CommonOptions & {
  name?: string
  entityId?: string
  key?: string
  orderId?: string
  customerId?: string
  team?: string
  service?: string
  imported?: boolean
}

/** Publishes the event. Throws a UsageError if an option is missing. */
export async function publishOne(
  file: string,
  options: OneOptions,
  surroundings: Surroundings,
): Promise<void> {
  const headers = headersOf(options)
  const { client, showJson } = exchangeOf(surroundings, options)
  const body = new Uint8Array(readNamedFile(file))
  const path = `/events/${encodeURIComponent(options.name ?? '')}`
  for (let tries = 1; ; tries++) {
    try {
      const answer = await client.open('POST', path, { headers, body })
      const text = await answer.text()
      const { position, duplicate } = JSON.parse(text)
      const line = `${duplicate ? 'was published before, at' : 'published at'} ${position}`
      showJson(text, () => [line])
      return
    } catch (error) {
      if (tries === TRIES || !mayRetry(error)) throw error
      await sleep(pauseMs(tries))
    }
  }
}

function headersOf(options: OneOptions): Record<string, string> {
  const { team, service, entityId, orderId, customerId, key = randomUUID(), imported } = options
  if (!team || !service || !entityId) {
    throw new UsageError('With --name, --entity-id, --team and --service are required.')
  }
  const ids = JSON.stringify({ order_id: orderId, customer_id: customerId })
  const values = {
    team,
    service,
    'entity-id': entityId,
    'idempotency-key': key,
    'correlation-ids': ids,
    ...(imported ? { live: 'false' } : {}),
  }
  // The bytes of UTF-8: fetch takes characters up to 255 in a header.
  return Object.fromEntries(
    Object.entries(values).map(([name, text]) => [name, Buffer.from(text).toString('latin1')]),
  )
}
