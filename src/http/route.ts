// A route as a value. The router, the access rule and the OpenAPI document use the same object, so
// that they cannot disagree.

import type { Context } from 'koa'
import type { TSchema } from 'typebox'
import type { Identity, Scope } from './identity.ts'
import type { Tag } from './tags.ts'

/** The API family of a route: the two differ in the format of their errors. */
export type Family = 'gateway' | 'configuration'

type State = {
  requestId: string
  identity: Identity
  /**
   * Identifies the caller anew, for a request that lasts: its token may have ended, or been
   * revoked. Rejects as identify() does. Not for direct routes.
   */
  identifyAgain(): Promise<Identity>
}

/** Koa's context of a request with a known route. */
export type RequestContext = Context & { state: State; params: Record<string, string> }

/** The part of koa's context that a direct route uses. */
export type Exchange = Pick<
  RequestContext,
  'req' | 'res' | 'state' | 'params' | 'status' | 'body'
> & { set(headers: Record<string, string>): void }

export type Parameter = {
  in: 'path' | 'header' | 'query'
  name: string
  description: string
  required: boolean
  schema: TSchema
  /** A list for a parameter that may be repeated. */
  example?: string | string[]
}

/** The meaning of a route's status. */
export type DocumentedAnswer = {
  description: string
  /** The schema of the body; for an error only if it is not the family's. */
  schema?: TSchema
  /** The types of a body that is not JSON. */
  types?: string[]
  /** If it is not the schema's own example. */
  example?: object
  /** Headers that only this answer has, beside those of its kind. */
  headers?: ('etag' | 'link')[]
}

export type Route = {
  method: 'get' | 'post' | 'patch' | 'put' | 'delete'
  /** In koa-router's syntax: /events/:event_name */
  path: string
  scope: Scope
  /** The rate limit that applies; beyond it the answer is 429: http/rate-limit.ts. */
  limited?: 'publishing' | 'changes'
  family: Family
  tag: Tag
  operationId: string
  summary: string
  description?: string
  parameters?: Parameter[]
  body?: TSchema
  /** The type of a body that is not JSON. */
  bodyType?: string
  responses: Record<number, DocumentedAnswer>
} & (
  | { direct?: false; handle(context: RequestContext): Promise<void> | void }
  /** Served without koa (direct.ts): its path ends in its parameter, its answer is JSON text. */
  | { direct: true; handle(exchange: Exchange): Promise<void> | void }
)
