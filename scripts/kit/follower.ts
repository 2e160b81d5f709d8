// A client of GET /events/stream: one connection, what it got, and the id to go on from.

import http from 'node:http'
import { ADMIN_TOKEN } from './client.ts'

export type FollowedEvent = { id: number; data: string }

export type Follower = {
  /** Of the answer; 0 before it. */
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  /** The last id, of an event or between two. */
  readonly lastId: number
  /** All that is no event, such as comments. */
  readonly rest: string
  /** Reads no more from its socket, until it is resumed. */
  pause(): void
  resume(): void
  close(): void
  /** Resolves when the connection has ended; never rejects. */
  ended: Promise<void>
}

type Options = {
  /** The query, such as "?name=order.*". */
  query?: string
  headers?: Record<string, string>
  token?: string
  tenant?: string
  lastId?: number | undefined
  onEvent?(event: FollowedEvent): void
}

/** Opens a stream of the service at `url`. */
export function openFollower(url: string, options: Options = {}): Follower {
  const { query = '', token = ADMIN_TOKEN, tenant = 'dodici', lastId, onEvent } = options
  const ended = Promise.withResolvers<void>()
  let response: http.IncomingMessage | undefined
  const follower = {
    status: 0,
    headers: {} as http.IncomingHttpHeaders,
    lastId: lastId ?? 0,
    rest: '',
    pause: () => void response?.pause(),
    resume: () => void response?.resume(),
    close: () => void request.destroy(),
    ended: ended.promise,
  }
  const request = http.get(`${url}/events/stream${query}`, {
    agent: false,
    headers: {
      authorization: `Bearer ${token}`,
      tenant,
      ...(lastId === undefined ? {} : { 'last-event-id': String(lastId) }),
      ...options.headers,
    },
  })
  request.on('error', () => ended.resolve())
  request.on('response', (answer) => {
    response = answer
    follower.status = answer.statusCode ?? 0
    follower.headers = answer.headers
    answer.on('error', () => {})
    answer.on('close', () => ended.resolve())
    const parse = createParser({
      onId(id) {
        follower.lastId = id
      },
      onRest(text) {
        follower.rest += text
      },
      onEvent,
    })
    answer.setEncoding('utf8')
    answer.on('data', parse)
  })
  return follower
}

type Parsed = {
  onId(id: number): void
  onRest(text: string): void
  onEvent: Options['onEvent']
}

/** Takes the text of a stream in pieces. A block that is not complete is no event. */
function createParser({ onId, onRest, onEvent }: Parsed): (piece: string) => void {
  let held = ''
  return (piece) => {
    const blocks = (held + piece).split('\n\n')
    held = blocks.pop() ?? ''
    for (const block of blocks) {
      const field = (name: string) =>
        block
          .split('\n')
          .find((line) => line.startsWith(name))
          ?.slice(name.length)
      const [id, data] = [field('id: '), field('data: ')]
      if (id !== undefined && data !== undefined) onEvent?.({ id: Number(id), data })
      else onRest(`${block}\n`)
      if (id !== undefined) onId(Number(id))
    }
  }
}
