// A receiver in this process that tells when each event arrived, and a publisher: so the time from
// the request to the delivery is read from one clock.

import http from 'node:http'
import { newEvent, publishHeaders } from '../bench/events.ts'
import { ADMIN_TOKEN, send } from '../kit/client.ts'
import { listen } from '../kit/listen.ts'

const ORDER = /"order_id":"order-(\d+)"/

export type Arrivals = {
  url: string
  /**
   * Publishes order `i`. Resolves when its `webhooks` deliveries are there, with the milliseconds
   * from the request to each of them.
   */
  publish(serviceUrl: string, i: number, webhooks?: number): Promise<number[]>
  close(): void
}

/** Starts it on a free port. Numbers of orders must not repeat. */
export async function startArrivals(): Promise<Arrivals> {
  const waiting = new Map<number, (at: number) => void>()
  const server = http.createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      response.end()
      waiting.get(Number(ORDER.exec(body)?.[1]))?.(performance.now())
    })
  })
  const port = await listen(server)
  return {
    url: `http://127.0.0.1:${port}/`,
    async publish(serviceUrl, i, webhooks = 1) {
      const started = performance.now()
      const latencies: number[] = []
      const arrived = new Promise<void>((resolve) => {
        waiting.set(i, (at) => {
          if (latencies.push(at - started) === webhooks) resolve()
        })
      })
      const event = newEvent(i, { entities: Number.MAX_SAFE_INTEGER })
      const headers = publishHeaders(event, ADMIN_TOKEN)
      const answer = await send(`${serviceUrl}/events/${event.name}`, {
        headers,
        body: event.payload,
      })
      if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
      await arrived
      waiting.delete(i)
      return latencies
    },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
