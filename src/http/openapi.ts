// GET /openapi.json: the OpenAPI 3.1 document, made from the same routes that are served.

import type { TSchema } from 'typebox'
import { ConfigurationProblem, GatewayProblem } from './problem.ts'
import type { Route } from './route.ts'

const problems = { gateway: 'GatewayProblem', configuration: 'ConfigurationProblem' } as const

/** The route that serves the document of `routes`. `schemas`: of what no route takes or gives. */
export function openApiRoute(routes: Route[], schemas: Record<string, TSchema>): Route {
  // Written once: anybody may ask for it, and often.
  const document = Buffer.from(JSON.stringify(openApiDocument(routes, schemas)))
  return {
    method: 'get',
    path: '/openapi.json',
    scope: 'public',
    family: 'configuration',
    operationId: 'getOpenApi',
    summary: 'This document.',
    responses: { 200: { description: 'OpenAPI 3.1.' } },
    handle(context) {
      context.type = 'application/json'
      context.body = document
    },
  }
}

/** The document as a value. */
function openApiDocument(routes: Route[], schemas: Record<string, TSchema>): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method]: operationOf(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Millrace',
      version: '0.1.0',
      description: 'A self-hosted event stream: publish events, configure what receives them.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: { GatewayProblem, ConfigurationProblem, ...schemas },
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
    },
  }
}

function operationOf(route: Route): object {
  const { operationId, summary, description, parameters, body, bodyType, scope } = route
  return {
    operationId,
    summary,
    ...(description ? { description } : {}),
    ...(parameters ? { parameters } : {}),
    ...(body ? { requestBody: requestBody(body, bodyType) } : {}),
    security: scope === 'public' ? [] : [{ bearer: [scope] }],
    responses: responsesOf(route),
  }
}

/** A body whose schema has a default may be left out. */
function requestBody(body: TSchema, bodyType?: string): object {
  return { required: !('default' in body), content: content(body, bodyType) }
}

function responsesOf(route: Route): object {
  const { family } = route
  const responses: Route['responses'] = { ...impliedBy(route), ...route.responses }
  const entries = Object.entries(responses).map(([status, { description, schema }]) => {
    const isError = Number(status) >= 400
    const problem = { $ref: `#/components/schemas/${problems[family]}` } as unknown as TSchema
    const shown = schema ?? (isError ? problem : undefined)
    return [status, { description, ...(shown ? { content: content(shown) } : {}) }]
  })
  return Object.fromEntries(entries)
}

const tooMany = {
  description: 'Too many in this time; `Retry-After` and the RateLimit headers say when to return.',
}

const unavailable = {
  description: 'The database is away, or too much is under way; try again after `Retry-After`.',
}

/** What each route answers that has such parts, unless it says it in words of its own. */
function impliedBy({ parameters, body, bodyType, limited, scope }: Route): Route['responses'] {
  return {
    ...(parameters ? { 400: { description: 'Bad request; the message names the field.' } } : {}),
    ...(body && !bodyType ? { 413: { description: 'The body is too large.' } } : {}),
    ...(limited ? { 429: tooMany } : {}),
    ...(scope === 'public' ? {} : { 503: unavailable }),
  }
}

function content(schema: TSchema, type = 'application/json'): object {
  return { [type]: { schema } }
}
