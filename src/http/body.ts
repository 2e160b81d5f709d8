// Reads a request's body as bytes, up to a limit, within a budget of bytes that are under way: the
// process has one heap, so there is one budget. Bytes are held from before they are read until the
// answer has left. What is beyond is dropped as it comes, or not read at all.

import type { IncomingMessage } from 'node:http'
import { limits } from '../config.ts'
import { fault, invalid, MillraceError } from '../errors.ts'
import { parseJson } from '../json.ts'
import { createBudget, overloaded, type Release } from './budget.ts'
import { type Identity, includesTenant } from './identity.ts'
import type { RequestContext } from './route.ts'

/**
 * How much of a known caller's body that is not wanted is read and dropped, so that it can read the
 * answer. One that is larger, or of nobody known, is answered at once, and the connection closed.
 */
const DROPPED_BYTES = 8 * 1024 * 1024
/** What a body takes of the budget that does not say its length, until it is larger. */
const UNKNOWN_BYTES = 64 * 1024

const budget = createBudget(limits.bodiesBytes)

/**
 * The body's bytes. Rejects with `payload_too_large` past `limit`, with `overloaded` if the budget
 * has no room for it. On a public route, which knows no caller, only the limit holds: it must be
 * small.
 */
export function readBody(context: RequestContext, limit: number): Promise<Buffer> {
  const { req: request, res } = context
  const announced = request.headers['content-length']
  const owner = ownerOf(context)
  const dropped = owner === undefined ? 0 : DROPPED_BYTES
  if (Number(announced) > limit + dropped) return Promise.reject(tooLarge(limit))
  const withinLimit = (size: number) => (size > limit ? tooLarge(limit) : undefined)
  if (owner === undefined) return collect(request, withinLimit, dropped)

  const hold = (release: Release) => {
    if (res.closed) release()
    else res.once('close', release)
  }
  let room = Math.min(announced === undefined ? UNKNOWN_BYTES : Number(announced), limit)
  const withinBudget = (size: number) => {
    if (size <= room || size > limit) return withinLimit(size)
    const release = budget.takeNow(owner, limit - room)
    if (!release) return overloaded()
    hold(release)
    room = limit
    return undefined
  }
  const read = (release: Release) => {
    hold(release)
    return collect(request, withinBudget, dropped)
  }
  const taken = budget.take(owner, room)
  return taken instanceof Promise ? taken.then(read) : read(taken)
}

/** Whose share of the budget a body takes: the tenant's that the caller names, if it may. */
function ownerOf(context: RequestContext): string | undefined {
  const identity = context.state.identity as Identity | undefined
  if (!identity) return undefined
  const { tenant, 'x-twc-tenant': alias } = context.req.headers
  const named = (tenant || alias) as string | undefined
  return named && includesTenant(identity.tenants, named) ? named : identity.actor
}

/**
 * All chunks, or the first refusal of their size so far, after what is left was dropped, within
 * `mostDropped`. By events: an async iterator costs more than all the rest of reading.
 */
function collect(
  request: IncomingMessage,
  refusalOf: (size: number) => MillraceError | undefined,
  mostDropped: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = []
    let size = 0
    let refusal: MillraceError | undefined
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      refusal ??= refusalOf(size)
      if (!refusal) chunks.push(chunk)
      else chunks = []
      if (refusal && size > mostDropped) reject(refusal)
    })
    request.on('end', () => {
      if (refusal) reject(refusal)
      else resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks))
    })
    request.on('error', () => {}) // close follows
    request.on('close', () => {
      // Before the end the client has gone: nobody reads the answer, it is no fault of ours to log.
      if (!request.readableEnded) reject(refusal ?? cutOff())
    })
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
 * The body parsed as JSON; `absent` in place of an empty one. Throws `invalid_request` if it is not
 * UTF-8 or no JSON, or empty without `absent`.
 */
export async function readJson(
  context: RequestContext,
  limit: number,
  absent?: object,
): Promise<unknown> {
  const bytes = await readBody(context, limit)
  if (bytes.length === 0 && absent) return absent
  const parsed = parseJson(bytes)
  if ('fault' in parsed) throw invalid([parsed.fault])
  return parsed.value
}
