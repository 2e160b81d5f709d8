// The rules for any answer: documented, in its family's format, and without data of another tenant,
// a secret, or the inside of the program.

import http, { METHODS } from 'node:http'
import {
  checkOf,
  type Document,
  findPath,
  JSON_TYPE,
  NDJSON_TYPE,
  type Operation,
  pathOf,
} from '../kit/document.ts'
import { spellingsIn } from '../kit/spellings.ts'
import type { Request } from './message.ts'
import { PRIVATE } from './mutate.ts'
import { SECRET } from './values.ts'
import type { Answer } from './wire.ts'

/** An answer that takes longer than this, three times, hangs. */
export const HANG_MS = 1_000

/** A fault of an answer: the check that broke, and how. */
type Fault = { check: string; what: string }

export type Judge = {
  /** All faults of an answer, its time aside. */
  faultsOf(request: Request, answer: Answer): Fault[]
}

/** Of a stack trace. */
const INSIDE = /\bat (?:file:|async |[\w.<>]+ \()|node:internal|\/src\/\w+|node_modules/
/** An API key or a JWT. */
export const CREDENTIAL = /\bmr_[0-9a-f]{12}_|\beyJ[\w-]{8,}\.eyJ/
/** Their answers are credentials, this once. */
const SHOWS_CREDENTIALS = ['createApiKey', 'issueToken', 'signIn', 'finishOpenId']
/** Headers that frame a request, or end its connection. */
const FRAMING = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade'])
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to find.
const NO_TEXT = /[\x00-\x08\x0a-\x1f\x7f]/
const UNROUTED = [400, 404, 405]

/** Judges answers by the document. */
export function createJudge(document: Document, operations: Operation[]): Judge {
  const shapes = {
    gateway: checkOf(document.components.schemas['GatewayProblem'] ?? {}, document),
    configuration: checkOf(document.components.schemas['ConfigurationProblem'] ?? {}, document),
  }

  return {
    faultsOf(request, answer) {
      const found = findPath(operations, request.target)
      const known = found.kind === 'none' ? [] : found.operations
      const method = request.method === 'HEAD' ? 'GET' : request.method
      const operation = known.find((one) => one.method === method)
      const mayBeUnrouted = operation === undefined || found.kind === 'nearly'
      const faults = [
        ...faultsOfText(answer, operation),
        ...faultsOfAnswer(request, answer, operation, mayBeUnrouted),
      ]
      const isSuccess = answer.status >= 200 && answer.status < 300
      if (isSuccess && operation) faults.push(...faultsOfSuccess(request, operation))
      return faults
    },
  }

  /** Deviations from the document. A path that is nearly right may count as unknown. */
  function faultsOfAnswer(
    request: Request,
    answer: Answer,
    operation: Operation | undefined,
    mayBeUnrouted: boolean,
  ): Fault[] {
    const { status, headers, body } = answer
    const broke = (check: string) => [{ check, what: `${operation?.id} ${status}` }]
    // A target that did not accept an event is not our fault.
    if (status === 502 && operation?.answers.has(502)) return []
    if (status >= 500) return broke(`a 5xx of ${operation?.id}`)
    if (mayBeNoHttp(request) && isRefusedByHttp(answer)) return []
    if (request.method === 'OPTIONS' && (status === 200 || status === 204)) return []
    const documented = operation?.answers.has(status) ? operation : undefined
    const isUnrouted = mayBeUnrouted && UNROUTED.includes(status)
    if (!documented && !isUnrouted) return broke('a status that is not documented')
    if (request.method === 'HEAD') return []
    const isOfGateway =
      /^\/events(\/|$)/.test(pathOf(request.target)) && !['GET', 'HEAD'].includes(request.method)
    const isProblem = shapes[isOfGateway ? 'gateway' : 'configuration']
    const expected = documented
      ? documented.answers.get(status)
      : { types: [JSON_TYPE], fits: isProblem }
    if (!expected) return body.length === 0 ? [] : broke('a body that is not documented')
    const type = headers.get('content-type') ?? ''
    const isOther = isUnrouted && type.startsWith(JSON_TYPE)
    if (!isOther && !expected.types.some((one) => type.startsWith(one))) {
      return broke('a content type')
    }
    if (type.startsWith(NDJSON_TYPE)) {
      const isFit = answersOf(body).every(expected.fits)
      return isFit ? [] : broke('a line of another shape')
    }
    const value = parse(body)
    const isFit = expected.fits(value) || (isUnrouted && isProblem(value))
    return isFit ? [] : broke('a body of another shape')
  }
}

/** Contents that no answer may have. */
function faultsOfText({ headers, body }: Answer, operation: Operation | undefined): Fault[] {
  const faults: Fault[] = []
  const text = body.toString()
  const refuse = (check: string, found: RegExpExecArray | null) => {
    if (found) faults.push({ check, what: found[0] })
  }
  refuse('the inside of the program', INSIDE.exec(text))
  const [spelling] = spellingsIn(text, SECRET)
  if (spelling) faults.push({ check: 'a secret in an answer', what: spelling })
  const mayShow = operation && SHOWS_CREDENTIALS.includes(operation.id)
  if (!mayShow) refuse('a credential in an answer', CREDENTIAL.exec(text))
  if (headers.has('x-injected')) faults.push({ check: 'a header of a request', what: 'x-injected' })
  return faults
}

/** Requests that must not succeed. */
function faultsOfSuccess({ caller, isForeign, tenant, ...request }: Request, operation: Operation) {
  const faults: Fault[] = []
  // Another path, method or tenant may have led to something that the token may do.
  const isOfTenant = caller.tenants.length > 0 && /tenant/.test(request.what)
  const isSame = operation === request.operation && !isOfTenant
  const isMeant = isSame && operation.scope !== undefined
  if (isMeant && !caller.mayPass) faults.push({ check: 'a token that may not', what: caller.kind })
  const isOwn = caller.tenants.join() === tenant.name
  if (isForeign && isOwn) faults.push({ check: "another's id", what: request.target })
  if (request.what.endsWith(PRIVATE)) {
    faults.push({ check: 'a private target was taken', what: String(request.body) })
  }
  return faults
}

/** Names of other tenants in an answer to a request that does not name them itself. */
export function othersIn(request: Request, answer: Answer, tenants: string[]): string[] {
  const text = answer.body.toString()
  const asked = `${request.target}${request.headers.join()}${request.body ?? ''}`
  const others = tenants.filter((name) => !request.caller.tenants.includes(name))
  return others.filter((name) => text.includes(name) && !asked.includes(name))
}

/** Whether node's parser may refuse a request: its method, its size, or what frames it. */
function mayBeNoHttp({ method, target, headers }: Request): boolean {
  const size = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  const framing = headers.filter(([name]) => FRAMING.has(name.toLowerCase()))
  return (
    !METHODS.includes(method) ||
    size + target.length > http.maxHeaderSize / 2 ||
    headers.some(([, value]) => NO_TEXT.test(value)) ||
    framing.map(([name, value]) => `${name}: ${value}`).join() !== 'host: fuzz.test'
  )
}

/** node:http refuses invalid HTTP by itself: no body, and the connection ends. */
function isRefusedByHttp({ status, headers, body }: Answer): boolean {
  const isEnd = body.length === 0 && headers.get('connection') === 'close'
  return isEnd && [400, 408, 413, 431].includes(status)
}

/** The answers to the lines of a bulk body; undefined for one that is no JSON. */
export function answersOf(body: Buffer): unknown[] {
  const lines = body.toString().split('\n')
  return lines.filter(Boolean).map((line) => parse(Buffer.from(line)))
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    return undefined
  }
}
