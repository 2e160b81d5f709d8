// A receiver of webhooks, as an integrator would write one. It recognises its sender by the bearer
// token, and answers 200, 503 while it is down, or 500 to a payload that breaks it. It remembers
// its requests and prints some of them. It ends with the process.

import type http from 'node:http'
import { createBodyServer, listen } from '../kit/listen.ts'

export type Arrival = {
  /** The same for an event in every retry and replay. */
  webhookId: string
  position: number
  name: string
  body: string
  /** From publication, given by the position, to here. */
  lateMs: number
}

export type Receiver = {
  url: string
  /** Answered with 200, in the order of arrival. */
  taken: Arrival[]
  /** Positions of `taken`. */
  positions: Set<number>
  /** Answered with 503 or 500, and printed. */
  refused: Arrival[]
  /** While true every request is answered with 503. */
  isDown: boolean
  /** The text of a payload that is answered with 500. */
  breaksOn: string | undefined
  /** Prints the next `count` accepted events, one of each name. */
  showNext(count: number): void
}

/** Listens on loopback, on a free port. Requests without `apiKey` get 401. */
export async function startReceiver(options: {
  apiKey: string
  print: (line: string) => void
}): Promise<Receiver> {
  let toShow = 0
  const shown = new Set<string>()
  const receiver: Receiver = {
    url: '',
    taken: [],
    positions: new Set(),
    refused: [],
    isDown: false,
    breaksOn: undefined,
    showNext(count) {
      toShow = count
      shown.clear()
    },
  }
  const server = createBodyServer(({ headers }, body, response) => {
    if (headers.authorization !== `Bearer ${options.apiKey}`) {
      response.writeHead(401).end()
      return
    }
    const arrival = arrivalOf(headers, body.toString())
    const refuse = (status: number, reason: string) => {
      receiver.refused.push(arrival)
      response.writeHead(status).end(reason)
      options.print(`✗ ${status} ${describeArrival(arrival)}`)
    }
    if (receiver.isDown) return refuse(503, 'Down for maintenance.')
    const { breaksOn } = receiver
    if (breaksOn && arrival.body.endsWith(`,"payload":${breaksOn}}`)) {
      return refuse(500, 'No rack has this number.')
    }
    receiver.taken.push(arrival)
    receiver.positions.add(arrival.position)
    response.end()
    if (shown.size === toShow || shown.has(arrival.name)) return
    shown.add(arrival.name)
    options.print(`→ 200 ${describeArrival(arrival)}`)
  })
  receiver.url = `http://127.0.0.1:${await listen(server)}/events`
  return receiver
}

function arrivalOf(headers: http.IncomingHttpHeaders, body: string): Arrival {
  // Date.now() has whole milliseconds, which is too coarse here.
  const now = performance.timeOrigin + performance.now()
  const position = Number(headers['millrace-position'])
  const { name } = JSON.parse(body) as { name: string }
  const webhookId = String(headers['webhook-id'])
  return { webhookId, position, name, body, lateMs: now - position / 1000 }
}

/** Name, time since publication, webhook-id. */
function describeArrival({ name, lateMs, webhookId }: Arrival): string {
  const late = lateMs < 1_000 ? `${lateMs.toFixed(1)} ms` : `${(lateMs / 1_000).toFixed(1)} s`
  return `${name.padEnd(35)}  ${late.padStart(8)}  ${webhookId}`
}
