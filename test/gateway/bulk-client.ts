// A client of POST /events that sends and reads at its own pace.

import type http from 'node:http'
import { requestBulk } from '../../scripts/kit/bulk.ts'
import { ADMIN_TOKEN } from '../../scripts/kit/client.ts'

type BulkAnswer = {
  position?: number
  published_at?: string
  duplicate?: boolean
  error?: { code: string; message: string; details: { field: string; code: string }[] }
}

/** An envelope as a line. */
export function lineOf(key: string, payload = '{"n":1}', more: object = {}): string {
  const envelope = { name: 'order.created', entity_id: 'order-1', idempotency_key: key, ...more }
  return `${JSON.stringify(envelope).slice(0, -1)},"payload":${payload}}\n`
}

/** A request whose body is open. */
type BulkRequest = {
  request: http.ClientRequest
  /** Resolves with the head of the answer. */
  response: Promise<http.IncomingMessage>
  /** The answers so far. */
  answers: BulkAnswer[]
  /** Resolves with whether the answer came to its end. */
  whole: Promise<boolean>
}

export function openBulk(
  url: string,
  headers: Record<string, string> = {},
  token = ADMIN_TOKEN,
): BulkRequest {
  const answers: BulkAnswer[] = []
  const request = requestBulk(url, token, headers)
  request.on('error', () => {})
  request.flushHeaders()
  const response = new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    request.once('error', reject)
  })
  const whole = response.then(
    (answer) =>
      new Promise<boolean>((resolve) => {
        let rest = ''
        answer.setEncoding('utf8')
        answer.on('data', (text: string) => {
          const lines = (rest + text).split('\n')
          rest = lines.pop() as string
          for (const line of lines) answers.push(JSON.parse(line))
        })
        answer.on('error', () => {})
        answer.on('close', () => resolve(answer.complete))
      }),
  )
  whole.catch(() => {})
  return { request, response, answers, whole }
}

/** Sends a whole body; resolves with its answers. */
export async function sendBulk(
  url: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
  token?: string,
): Promise<{ status: number; answers: BulkAnswer[]; isWhole: boolean }> {
  const bulk = openBulk(url, headers, token)
  bulk.request.end(body)
  const { statusCode = 0 } = await bulk.response
  const isWhole = await bulk.whole
  return { status: statusCode, answers: bulk.answers, isWhole }
}
