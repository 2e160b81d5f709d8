// The OpenAPI document for the fuzz: the input of each operation, and the checks of its answers.
// Nothing here knows the service: a new route is fuzzed without a change here.

import { Compile } from 'typebox/schema'
import { isObject } from '../../src/input/json.ts'

export const NDJSON_TYPE = 'application/x-ndjson'
export const JSON_TYPE = 'application/json'

/** JSON Schema, as far as the document uses it. */
export type Schema = {
  type?: string
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  propertyNames?: Schema
  properties?: Record<string, Schema>
  additionalProperties?: boolean | Schema
  required?: string[]
  items?: Schema
  minItems?: number
  maxItems?: number
  minLength?: number
  maxLength?: number
  pattern?: string
  format?: string
  minimum?: number
  maximum?: number
  examples?: unknown[]
}

type Parameter = {
  in: 'path' | 'header' | 'query'
  name: string
  required: boolean
  schema: Schema
  example?: string
}

/**
 * A body that an answer may have, of one of some types; of NDJSON, a line of it. Any body that is
 * not JSON fits.
 */
type Body = { types: string[]; fits(value: unknown): boolean }

export type Operation = {
  id: string
  method: string
  /** "/api/v1/jobs/{job_id}" */
  path: string
  /** The scope that a token needs; undefined: none. */
  scope: string | undefined
  parameters: Parameter[]
  body: { type: string; schema: Schema } | undefined
  /** The body by status; undefined if none is documented. */
  answers: Map<number, Body | undefined>
}

type Content = Record<string, { schema: Schema }>
type Described = {
  operationId: string
  parameters?: Parameter[]
  requestBody?: { content: Content }
  responses: Record<string, { content?: Content }>
  security: { bearer: string[] }[]
}
export type Document = {
  paths: Record<string, Record<string, Described>>
  components: { schemas: Record<string, Schema> }
}

/** The operations of a document, each with the checks of its answers. */
export function operationsOf(document: Document): Operation[] {
  return Object.entries(resolve(document.paths, document) as Document['paths']).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, described]) => ({
        id: described.operationId,
        method: method.toUpperCase(),
        path,
        scope: described.security[0] && (described.security[0].bearer[0] ?? 'any'),
        parameters: described.parameters ?? [],
        body: bodyOf(described),
        answers: answersOf(described, document),
      })),
  )
}

/** A part of a document with its references resolved. No reference is recursive. */
function resolve(part: unknown, document: Document): unknown {
  if (Array.isArray(part)) return part.map((one) => resolve(one, document))
  if (!isObject(part)) return part
  const { $ref } = part
  if (typeof $ref === 'string') return resolve(follow($ref, document), document)
  return Object.fromEntries(
    Object.entries(part).map(([key, value]) => [key, resolve(value, document)]),
  )
}

/** The target of a reference such as "#/components/schemas/Job". */
function follow(reference: string, document: Document): unknown {
  const names = reference.split('/').slice(1)
  return names.reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], document)
}

function bodyOf({ requestBody }: Described): Operation['body'] {
  const [first] = Object.entries(requestBody?.content ?? {})
  return first && { type: first[0], schema: first[1].schema }
}

function answersOf({ responses }: Described, document: Document): Operation['answers'] {
  const entries = Object.entries(responses).map(([status, { content }]) => {
    const types = Object.keys(content ?? {})
    const schema = (content?.[JSON_TYPE] ?? content?.[NDJSON_TYPE])?.schema
    const fits = schema ? checkOf(schema, document) : () => true
    return [Number(status), types.length === 0 ? undefined : { types, fits }] as const
  })
  return new Map(entries)
}

/** A check of one schema. `$ref` leads into the document's components. */
export function checkOf(schema: Schema, { components }: Document): (body: unknown) => boolean {
  let check: ReturnType<typeof Compile> | undefined
  return (body) => {
    check ??= Compile({ ...schema, components } as object)
    return check.Check(body)
  }
}

/** How a request's path matches the document. */
type Found =
  /** The operations of this exact path. */
  | { kind: 'path'; operations: Operation[] }
  /** A spelling that a router may accept for this path: another case, a slash at the end. */
  | { kind: 'nearly'; operations: Operation[] }
  | { kind: 'none' }

/** Finds the operations of a request target such as "/api/v1/jobs/a?b=c". */
export function findPath(operations: Operation[], target: string): Found {
  const path = pathOf(target)
  const exact = operations.filter(({ path: template }) => templateOf(template, '').test(path))
  if (exact.length > 0) return { kind: 'path', operations: exact.sort(byParameters) }
  const close = operations.filter(({ path: template }) => templateOf(template, 'i').test(path))
  return close.length > 0 ? { kind: 'nearly', operations: close } : { kind: 'none' }
}

/** "/events/stream" comes before "/events/{event_name}". */
function byParameters(one: Operation, other: Operation): number {
  return one.path.split('{').length - other.path.split('{').length
}

/** The path of a request target, which may be a whole URL, without its query. */
export function pathOf(target: string): string {
  return target.replace(/^https?:\/\/[^/?]*/i, '').replace(/[?#].*$/s, '')
}

const templates = new Map<string, RegExp>()

function templateOf(path: string, flags: '' | 'i'): RegExp {
  const key = path + flags
  const found = templates.get(key)
  if (found) return found
  const source = path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')
  const made = new RegExp(flags === 'i' ? `^${source}/?$` : `^${source}$`, flags)
  templates.set(key, made)
  return made
}
