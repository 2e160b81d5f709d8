// Reads a request's body as bytes, within a limit and a budget of bytes in flight. The process has
// one heap, so there is one budget, with a part for small bodies only. Bytes are reserved before
// they are read, and released after the answer has left. Excess bytes are dropped as they arrive,
// or not read at all.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { limits } from '../config.ts'
import { fault, invalid, MillraceError } from '../errors.ts'
import { parseJson } from '../input/json.ts'
import { EVERY_TENANT, tenantHeaderOf } from '../input/tenant.ts'
import { type Budget, createBudget, type Release } from './budget.ts'
import { type Identity, includesTenant } from './identity.ts'
import type { Exchange } from './route.ts'

/**
 * How much of an unwanted body is read and dropped for a known caller, so that it can read the
 * answer. A larger one, or one of an unknown caller, is answered at once, and the connection
 * closed.
 */
const DROPPED_BYTES = 8 * 1024 * 1024
/** The first reservation for a body of unknown length; then it doubles. */
const FIRST_BYTES = 4 * 1024
/** A body of at most this size is small. */
const SMALL_BYTES = 64 * 1024
/** Bodies of unknown callers in flight: beyond them the oldest one's connection is closed. */
const MOST_UNKNOWN = 256

const small = createBudget(limits.smallBodiesBytes)
const large = createBudget(limits.bodiesBytes)
const streamed = createBudget(limits.bulkBodies)
const unknown = new Set<IncomingMessage>()
const empty = Buffer.alloc(0)

type Admit = (size: number) => MillraceError | Promise<void> | undefined

/**
 * The body's bytes. Rejects with `payload_too_large` past `limit`, with `overloaded` if the budget
 * has no room. On a public route without a known caller only the limit applies: it must be small.
 */
export function readBody(context: Exchange, limit: number): Promise<Buffer> {
  const { req: request, res } = context
  const { 'content-length': announced, 'transfer-encoding': chunked } = request.headers
  if (announced === '0' || (announced ?? chunked) === undefined) return Promise.resolve(empty)
  const encoded = faultOfEncoding(request)
  if (encoded) return Promise.reject(encoded)
  const owner = ownerOf(context)
  const dropped = owner === undefined ? 0 : DROPPED_BYTES
  if (Number(announced) > limit + dropped) return Promise.reject(tooLarge(limit))
  const withinLimit = (size: number) => (size > limit ? tooLarge(limit) : undefined)
  if (owner === undefined) return readUnknown(request, withinLimit)
  request.isOfKnownCaller = true
  if (Number(announced) > limit) return collect(request, withinLimit, dropped)

  const onClose = onCloseOf(res)
  let room = announced === undefined ? Math.min(FIRST_BYTES, limit) : Number(announced)
  const withinBudget = (size: number) => {
    if (size <= room || size > limit) return withinLimit(size)
    const larger = Math.min(Math.max(2 * room, size), limit)
    const taken = takeBytes(owner, larger - room, onClose)
    room = larger
    return taken
  }
  const taken = takeBytes(owner, room, onClose)
  return taken
    ? taken.then(() => collect(request, withinBudget, dropped))
    : collect(request, withinBudget, dropped)
}

/**
 * Admits a body of any length, which its route reads as it comes, until the answer is over. The
 * time limits of a request do not hold for it. Rejects with `overloaded` if too many are under way,
 * of this owner or of all.
 */
export async function admitStream(context: Exchange): Promise<void> {
  const { req: request, res } = context
  const encoded = faultOfEncoding(request)
  if (encoded) throw encoded
  request.isOfKnownCaller = true
  request.isStreamed = true
  await take(streamed, 1, ownerOf(context) as string, onCloseOf(res))
}

/** The error of a body that is compressed: its bytes would be taken for JSON. */
function faultOfEncoding({ headers }: IncomingMessage): MillraceError | undefined {
  const { 'content-encoding': encoding = 'identity' } = headers
  if (encoding.toLowerCase() === 'identity') return undefined
  return invalid([fault('content-encoding', 'invalid', 'is not taken: send the body as it is')])
}

type OnClose = (act: () => void) => void

function takeBytes(owner: string, bytes: number, onClose: OnClose): Promise<void> | undefined {
  return take(bytes <= SMALL_BYTES ? small : large, bytes, owner, onClose)
}

/** Reserves a part of a budget until the answer is over; returns a promise if it must wait. */
function take(
  budget: Budget,
  amount: number,
  owner: string,
  onClose: OnClose,
): Promise<void> | undefined {
  const taken: Release | Promise<Release> = budget(owner, amount, onClose)
  if (taken instanceof Promise) return taken.then(onClose)
  onClose(taken)
  return undefined
}

/** Collects actions for when an answer has left, or its client has gone. */
export function onCloseOf(answer: ServerResponse): OnClose {
  const acts: (() => void)[] = []
  answer.once('close', () => {
    for (const act of acts) act()
  })
  return (act) => {
    if (answer.closed) act()
    else acts.push(act)
  }
}

/** Is aborted when the answer has left, or its client has gone. */
export function closeSignalOf(answer: ServerResponse): AbortSignal {
  const closed = new AbortController()
  const reason = new MillraceError('overloaded', 'The client has gone.')
  onCloseOf(answer)(() => closed.abort(reason))
  return closed.signal
}

/**
 * The owner of a body's share of the budget: the tenant that the caller names, if it may. Otherwise
 * all its tenants together, so that more keys are not more shares. Undefined: an unknown caller.
 */
export function ownerOf(context: Exchange): string | undefined {
  const identity = context.state.identity as Identity | undefined
  if (!identity) return undefined
  const { tenants, actor } = identity
  const named = tenantHeaderOf(context.req.headers)
  if (named && includesTenant(tenants, named)) return named
  return tenants.includes(EVERY_TENANT) ? actor : tenants.toSorted().join()
}

function readUnknown(request: IncomingMessage, admit: Admit): Promise<Buffer> {
  const [oldest] = unknown
  if (unknown.size >= MOST_UNKNOWN) oldest?.destroy()
  unknown.add(request)
  request.once('close', () => unknown.delete(request))
  return collect(request, admit, 0).finally(() => unknown.delete(request))
}

/**
 * All chunks; or the first refusal of their size, after dropping the rest, within `mostDropped`.
 * While the size waits for room, nothing is read. It uses events: an async iterator costs more than
 * all other parts of reading.
 */
function collect(request: IncomingMessage, admit: Admit, mostDropped: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = []
    let size = 0
    let refusal: MillraceError | undefined
    const refuse = (reason: MillraceError) => {
      refusal = reason
      chunks = []
    }
    const waitFor = (room: Promise<void>) => {
      request.pause()
      room.catch(refuse).finally(() => request.resume())
    }
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (!refusal) {
        chunks.push(chunk)
        const verdict = admit(size)
        if (verdict instanceof Promise) waitFor(verdict)
        else if (verdict) refuse(verdict)
      }
      if (refusal && size > mostDropped) reject(refusal)
    })
    request.on('end', () => {
      if (refusal) reject(refusal)
      else resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks))
    })
    request.on('error', () => {}) // close follows
    const onGone = () => {
      // Before the end the client has gone: nobody reads the answer, and nothing needs logging.
      if (!request.readableEnded) reject(refusal ?? cutOff())
    }
    if (request.destroyed) onGone()
    else request.on('close', onGone)
  })
}

function cutOff(): MillraceError {
  return invalid([fault('body', 'incomplete', 'ended before its end')])
}

function tooLarge(limit: number): MillraceError {
  const details = [fault('body', 'too_large', `is larger than ${limit} bytes`)]
  const message = `The body is larger than ${limit} bytes.`
  return new MillraceError('payload_too_large', message, { details })
}

/**
 * The body parsed as JSON; `absent` replaces an empty one. Throws `invalid_request` if it is not
 * UTF-8 or not JSON, or empty without `absent`.
 */
export async function readJson(
  context: Exchange,
  limit: number,
  absent?: object,
): Promise<unknown> {
  return jsonOf(await readBody(context, limit), absent)
}

/** The bytes of a body, parsed as `readJson` does. */
export function jsonOf(bytes: Buffer, absent?: object): unknown {
  if (bytes.length === 0 && absent) return absent
  const parsed = parseJson(bytes)
  if ('fault' in parsed) throw invalid([parsed.fault])
  return parsed.value
}
