// A target of any kind that repeats everything that it gets, as its path selects:
// /<status>/<how>/…, in clear or in a code (CODES), in the format of the called service.

import type { ServerResponse } from 'node:http'
import { type Received, type Receiver, startReceiver } from '../../scripts/kit/receiver.ts'
import { unicodeEscaped, wrapped } from '../../scripts/kit/spellings.ts'

const CODES = {
  clear: (text: string) => text,
  base64: (text: string) => Buffer.from(text).toString('base64'),
  hex: (text: string) => Buffer.from(text).toString('hex'),
  escaped: (text: string) => unicodeEscaped(text, /\W/, true),
  wrapped: (text: string) => wrapped(Buffer.from(text).toString('base64'), 76, '\r\n'),
}
export type Way = keyof typeof CODES
export const WAYS = Object.keys(CODES) as Way[]

/** Starts one; a path /slow/… begins its answer and never ends it. */
export function startEcho(): Promise<Receiver> {
  return startReceiver((request, response) => {
    const [, status = '', how = ''] = request.url.split('/')
    if (status === 'slow') {
      response.writeHead(500)
      response.write(wholeOf(request))
    } else answer(request, response, Number(status), told(request, how as Way))
  })
}

function answer(request: Received, response: ServerResponse, status: number, text: string): void {
  const { headers, body } = request
  const xml = text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
  if (headers['x-amz-target']) {
    const type = { 'content-type': 'application/x-amz-json-1.0' }
    const error = { __type: `com.amazonaws.sqs#Error${status}`, message: text }
    response.writeHead(status, type).end(JSON.stringify(error))
  } else if (body.includes('Action=PublishBatch')) {
    const error = `<Error><Type>Sender</Type><Code>Error</Code><Message>${xml}</Message></Error>`
    response.writeHead(status, { 'content-type': 'text/xml' })
    response.end(`<ErrorResponse>${error}</ErrorResponse>`)
  } else if (String(headers.authorization).startsWith('AWS4')) {
    response.writeHead(status, { 'content-type': 'application/xml' })
    response.end(`<Error><Code>Error</Code><Message>${xml}</Message></Error>`)
  } else if (request.url.endsWith('/v3/mail/send')) {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ errors: [{ message: text, field: null }] }))
  } else response.writeHead(status).end(text)
}

function told(request: Received, how: Way): string {
  return CODES[how](wholeOf(request))
}

/** Secrets come first, since the beginning is what is kept. */
function wholeOf({ headers, url, body }: Received): string {
  const { authorization = '', ...others } = headers
  const own = Object.entries(others).filter(([name]) => name.startsWith('x-'))
  return `${authorization} ${JSON.stringify(Object.fromEntries(own))} ${url} ${body}`
}
