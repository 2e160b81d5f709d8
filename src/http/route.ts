// A route as a value: what the router serves, what the access rule asks, and what the OpenAPI
// document says come from the same object, so that none can disagree with the others.

import type { Context } from 'koa'
import type { TSchema } from 'typebox'
import type { Identity, Scope } from './identity.ts'
import type { Tag } from './tags.ts'

/**
 * Which of the two families of the API a route belongs to: they differ in the shape of their
 * errors.
 */
export type Family = 'gateway' | 'configuration'

type State = { requestId: string; identity: Identity }

/** Koa's, of a request whose route is found. */
export type RequestContext = Context & { state: State; params: Record<string, string> }

/** What a direct route sees of a request, and says in its answer: a part of koa's context. */
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
  example?: string
}

/** What a status of a route means. */
export type Answer = {
  description: string
  /** Of its body; of an error only where it is not that of the family. */
  schema?: TSchema
  /** Where the body is no JSON: what it may be. */
  types?: string[]
  /** Where it is another than that of the schema. */
  example?: object
  /** Headers that this very answer may have, beside those that all of its kind have. */
  headers?: ('etag' | 'link')[]
}

export type Route = {
  method: 'get' | 'post' | 'patch' | 'put' | 'delete'
  /** As koa-router writes it: /events/:event_name */
  path: string
  scope: Scope
  /** What may come too often, and is then refused with 429: http/rate-limit.ts. */
  limited?: 'publishing' | 'changes'
  family: Family
  tag: Tag
  operationId: string
  summary: string
  description?: string
  parameters?: Parameter[]
  body?: TSchema
  /** Where the body is no JSON. */
  bodyType?: string
  responses: Record<number, Answer>
} & (
  | { direct?: false; handle(context: RequestContext): Promise<void> | void }
  /** Served without koa (direct.ts): its path ends in its parameter, its body is a text of JSON. */
  | { direct: true; handle(exchange: Exchange): Promise<void> | void }
)
