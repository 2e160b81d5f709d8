// A request as it is sent: its parts, and its bytes.

import { JSON_TYPE, NDJSON_TYPE, type Operation } from '../kit/document.ts'
import { toJson } from './mutate.ts'
import type { Caller, Tenant } from './tenant.ts'

export type Request = {
  serial: number
  operation: Operation
  caller: Caller
  tenant: Tenant
  method: string
  target: string
  /** Each character is a byte. */
  headers: [name: string, value: string][]
  body: Buffer | undefined
  /** The fault in it, as text; '' if none is intended. */
  what: string
  /** Whether it names an id of another tenant. */
  isForeign: boolean
}

/** The bytes of a request as they go over the wire. */
export function toBytes({ method, target, headers, body }: Request): Buffer {
  const isChunked = headers.some(([name]) => name === 'transfer-encoding')
  const length: [string, string][] =
    body && !isChunked ? [['content-length', String(body.length)]] : []
  const lines = [...headers, ...length].map(([name, value]) => `${name}: ${value}\r\n`)
  const head = Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1')
  if (!body) return head
  if (!isChunked) return Buffer.concat([head, body])
  const size = Buffer.from(`${body.length.toString(16)}\r\n`)
  const chunk = body.length > 0 ? [size, body, Buffer.from('\r\n')] : []
  return Buffer.concat([head, ...chunk, Buffer.from('0\r\n\r\n')])
}

/** UTF-8 as the characters of a header. */
export const inHeader = (text: string) => Buffer.from(text).toString('latin1')

/** The bytes of a body, in the format of its operation. */
export function bytesOf({ body }: Operation, value: unknown): Buffer {
  if (body?.type === JSON_TYPE) return Buffer.from(toJson(value))
  if (body?.type === NDJSON_TYPE) return Buffer.from(linesOf(value))
  // A mutation may have turned the fields of a form into anything.
  const isFields = typeof value === 'object' && value !== null
  const fields = Object.entries(isFields ? value : { value }).map(
    ([key, of]) => [key, String(of)] as [string, string],
  )
  return Buffer.from(new URLSearchParams(fields).toString())
}

/** An event, another one, and the first one again, which is its duplicate. */
function linesOf(value: unknown): string {
  const isEnvelope = typeof value === 'object' && value !== null && 'idempotency_key' in value
  const other = isEnvelope ? { ...value, idempotency_key: `${value.idempotency_key}`.slice(1) } : {}
  return [value, other, value].map((line) => `${toJson(line)}\n`).join('')
}
