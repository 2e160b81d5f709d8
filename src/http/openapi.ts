// GET /openapi.json: the OpenAPI 3.1 document, generated from the served routes. The rules for all
// routes of a kind (access, rate limits, an unreachable database) are described here, once.

import { maxHeaderSize } from 'node:http'
import { type TSchema, Type } from 'typebox'
import { limits } from '../config.ts'
import { version } from '../version.ts'
import { headerComponents, headersOf } from './answer-headers.ts'
import { type Components, createComponents } from './components.ts'
import { exampleOf } from './example.ts'
import { ConfigurationProblem, exampleProblem, GatewayProblem } from './problem.ts'
import type { DocumentedAnswer, Parameter, Route } from './route.ts'
import { type StaticBody, sendStatic, staticBody, unchanged } from './static-body.ts'
import { tags } from './tags.ts'

const problems = { gateway: GatewayProblem, configuration: ConfigurationProblem } as const

/** The parts of the document beyond the routes. */
type Beyond = {
  /** Schemas that no route uses. */
  schemas: Record<string, TSchema>
  /** The requests that the service sends, with the components that only they use. */
  describeWebhooks: (
    components: Components,
  ) => Record<'webhooks' | 'responses', Record<string, object>>
}

/** The route that serves the document of `routes`, itself included. */
export function openApiRoute(routes: Route[], beyond: Beyond): Route {
  let document: StaticBody | undefined
  const route: Route = {
    method: 'get',
    path: '/openapi.json',
    scope: 'public',
    family: 'configuration',
    tag: 'Service',
    operationId: 'getOpenApi',
    summary: 'This document.',
    responses: {
      ...unchanged,
      200: {
        description: 'OpenAPI 3.1.',
        headers: ['etag'],
        schema: Type.Object(
          { openapi: Type.String({ examples: ['3.1.0'] }) },
          { title: 'OpenApiDocument', additionalProperties: true },
        ),
      },
    },
    handle(context) {
      document ??= staticBody('application/json', write())
      return sendStatic(context, document)
    },
  }
  // Once, for the first who asks: it takes 30 ms, which a start does without.
  const write = () => JSON.stringify(openApiDocument([...routes, route], beyond))
  return route
}

/** The document as a value. */
function openApiDocument(routes: Route[], { schemas, describeWebhooks }: Beyond): object {
  const components = createComponents()
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method]: operationOf(route, components) }
  }
  for (const [title, schema] of Object.entries(schemas)) components.refer({ ...schema, title })
  const { webhooks, responses } = describeWebhooks(components)
  return {
    openapi: '3.1.0',
    info: {
      title: 'Millrace',
      version,
      description: 'A self-hosted event stream: publish events, and configure their receivers.',
      contact: { name: 'The operator of this service' },
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The service that serves this document.' }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    webhooks,
    components: {
      schemas: components.schemas,
      headers: headerComponents,
      responses,
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'An API key, a JWT, or a token of POST /oauth2/token.',
        },
      },
    },
  }
}

function operationOf(route: Route, components: Components): object {
  const { operationId, summary, description, parameters, body, bodyType, scope, tag } = route
  return {
    operationId,
    tags: [tag],
    summary,
    ...(description ? { description } : {}),
    ...(parameters ? { parameters: parameters.map((one) => parameterOf(one, components)) } : {}),
    ...(body ? { requestBody: requestBody(route, body, bodyType, components) } : {}),
    security: scope === 'public' ? [] : [{ bearer: scope === 'any' ? [] : [scope] }],
    responses: responsesOf(route, components),
  }
}

function parameterOf({ schema, ...rest }: Parameter, { refer }: Components): object {
  return { ...rest, schema: refer(schema) }
}

/** A body whose schema has a default is optional. */
function requestBody(
  { operationId }: Route,
  body: TSchema,
  type: string | undefined,
  components: Components,
): object {
  const named = titled(body, `${capital(operationId)}Request`)
  const example = exampleOf(body, true)
  return {
    required: !('default' in body),
    content: contentOf(named, components, type ? [type] : undefined, example),
  }
}

function responsesOf(route: Route, components: Components): object {
  const responses: Route['responses'] = { ...impliedBy(route), ...route.responses }
  return Object.fromEntries(
    Object.entries(responses).map(([status, answer]) => [
      status,
      responseOf(route, Number(status), answer, components),
    ]),
  )
}

function responseOf(
  route: Route,
  status: number,
  answer: DocumentedAnswer,
  components: Components,
): object {
  const { description, types, schema, example } = answer
  const { family, operationId } = route
  const content = () => {
    const named = schema && titled(schema, `${capital(operationId)}DocumentedAnswer`)
    if (named) return contentOf(named, components, types, example)
    if (status < 400 || status === 431) return undefined
    const problem = exampleProblem(family, status, description)
    return contentOf(problems[family], components, types, problem)
  }
  return {
    description,
    // An answer before there is a request has no such headers.
    ...(status === 431 ? {} : { headers: headersOf(route, status, answer) }),
    content: content(),
  }
}

const tooMany = {
  description: 'Over a rate limit; wait for `Retry-After` (see also the RateLimit headers).',
}
const unavailable = {
  description:
    'The database is unreachable, or the service is too busy; try again after `Retry-After`.',
}
const tooLargeBody = {
  description: `The body has more than ${limits.configurationBytes} bytes.`,
}
const tooLargeHead = {
  description: `The head of the request has more than ${maxHeaderSize} bytes. Without a body.`,
}
const faulty = { 400: { description: 'Bad request; the message names the field.' } }
const protectedRoute = {
  ...faulty,
  401: { description: 'The token is missing or unknown.' },
  403: { description: 'The token does not allow this.' },
  500: { description: 'Internal server error.' },
  503: unavailable,
}

/** The answers that every route with such parts has, unless it describes them itself. */
function impliedBy({ parameters, body, bodyType, limited, scope }: Route): Route['responses'] {
  return {
    ...(parameters ? faulty : {}),
    ...(scope === 'public' ? {} : protectedRoute),
    ...(body && !bodyType ? { 413: tooLargeBody } : {}),
    ...(limited ? { 429: tooMany } : {}),
    431: tooLargeHead,
  }
}

function contentOf(
  schema: TSchema,
  { refer }: Components,
  types = ['application/json'],
  example = exampleOf(schema),
): object {
  const content = { schema: refer(schema), example }
  return Object.fromEntries(types.map((type) => [type, content]))
}

/** A body without its own name is named after its operation. */
function titled(schema: TSchema, title: string): TSchema {
  return 'title' in schema ? schema : { ...schema, title }
}

const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1)
