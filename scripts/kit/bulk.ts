// A client of POST /events: sends a body of lines that are made on the way, as fast as the service
// takes them, and reads the answers meanwhile.

import http from 'node:http'
import { Readable } from 'node:stream'
import { ADMIN_TOKEN } from './client.ts'

type Lines = Iterable<string | Buffer> | AsyncIterable<string | Buffer>

type BulkOptions = {
  url: string
  token?: string
  headers?: Record<string, string>
  /** Called with each line of the answer. */
  onAnswer?: (line: string) => void
  /** Called with the request, to break it off. */
  onRequest?: (request: http.ClientRequest) => void
}

type BulkResult = {
  status: number
  /** The lines of the answer. */
  answers: number
  /** Whether the answer came to its end. */
  isWhole: boolean
}

/** A request to publish lines, on a connection of its own; its body is open. */
export function requestBulk(
  url: string,
  token: string,
  headers: Record<string, string>,
): http.ClientRequest {
  return http.request(`${url}/events`, {
    method: 'POST',
    agent: false,
    headers: {
      authorization: `Bearer ${token}`,
      tenant: 'dodici',
      team: 'team-orders',
      service: 'shop',
      'content-type': 'application/x-ndjson',
      ...headers,
    },
  })
}

/**
 * Sends lines, each with its end (an empty text sends what is there), and resolves when the answer
 * is over; rejects without one.
 */
export function sendLines(
  lines: Lines,
  { url, token = ADMIN_TOKEN, headers = {}, onAnswer, onRequest }: BulkOptions,
): Promise<BulkResult> {
  return new Promise((resolve, reject) => {
    const request = requestBulk(url, token, headers)
    onRequest?.(request)
    const body = Readable.from(chunksOf(lines), { objectMode: false })
    // After the head of the answer, its end tells how it went.
    request.on('error', (error) => {
      body.destroy()
      reject(error)
    })
    request.on('response', (answer) => {
      request.removeAllListeners('error').on('error', () => body.destroy())
      let answers = 0
      let rest = ''
      answer.setEncoding('utf8')
      answer.on('data', (text: string) => {
        const whole = (rest + text).split('\n')
        rest = whole.pop() as string
        answers += whole.length
        if (onAnswer) for (const line of whole) onAnswer(line)
      })
      answer.on('error', () => {})
      answer.on('close', () => {
        body.destroy()
        const { statusCode: status = 0, complete: isWhole } = answer
        resolve({ status, answers, isWhole })
      })
    })
    body.pipe(request)
  })
}

const CHUNK_BYTES = 64 * 1024

/** A write for each line costs more than the line. */
async function* chunksOf(lines: Lines): AsyncIterable<Buffer> {
  let chunk: Buffer[] = []
  let size = 0
  for await (const line of lines) {
    const bytes = Buffer.from(line)
    chunk.push(bytes)
    size += bytes.length
    if (size < CHUNK_BYTES && bytes.length > 0) continue
    yield Buffer.concat(chunk)
    chunk = []
    size = 0
  }
  yield Buffer.concat(chunk)
}
