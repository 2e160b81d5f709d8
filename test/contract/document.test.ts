// What the OpenAPI document says of every operation, beside what the service answers.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { call, EVENTSTREAM, register } from '../../scripts/kit/client.ts'
import { expectDocumented } from '../../scripts/kit/documented.ts'
import { JOBS } from '../../scripts/kit/jobs.ts'
import { isObject } from '../../src/input/json.ts'
import { ruleOfPattern } from '../../src/input/pattern.ts'
import type { Server } from '../../src/server.ts'
import { startHere } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'

type Answer = {
  content?: { 'application/json': { schema: { $ref: string } } }
  headers?: Record<string, object>
}
type Operation = {
  operationId: string
  security: object[]
  deprecated?: boolean
  parameters?: object[]
  requestBody?: { content: object }
  responses: Record<string, Answer>
}
type Schemas = Record<string, { required?: string[] }>
type Paths = Record<string, Record<string, Operation>>

type Document = {
  paths: Paths
  webhooks: Record<string, { post: Operation }>
  components: { schemas: Schemas }
}

/** Operations that may be under way a number of times at once. */
const CROWDED = [
  'followEvents',
  'searchEvents',
  ...['retryRejectedEvent', 'retryRejectedEvents'],
  ...['retrySubscriptionRejectedEvent', 'retrySubscriptionRejectedEvents'],
]

const database = useDatabase()
let service: Server
let paths: Paths
let webhooks: Document['webhooks']
let schemas: Schemas
beforeAll(async () => {
  service = await startHere(database.url)
  const { body } = await call<Document>(`${service.url}/openapi.json`)
  paths = body.paths
  webhooks = body.webhooks
  schemas = body.components.schemas
})
afterAll(() => service.stop())

it('is ASCII: a compiler may take the code that is made of it for that', async () => {
  for (const name of ['openapi.json', 'asyncapi.json']) {
    const { body } = await call(`${service.url}/${name}`)
    const text = JSON.stringify(body)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
    expect(text.match(/.{0,40}[^\x00-\x7f]+/g) ?? []).toEqual([])
  }
})

it('says 413 of every JSON body, and 400 of every parameter', async () => {
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods))
  const withBody = operations.filter(
    ({ requestBody }) => requestBody && 'application/json' in requestBody.content,
  )
  const withParameter = operations.filter(({ parameters }) => parameters !== undefined)
  expect(withBody.filter(({ responses }) => !responses[413])).toEqual([])
  expect(withParameter.filter(({ responses }) => !responses[400])).toEqual([])
  expect(withBody.length).toBeGreaterThan(8)
  const large = await call(service.url + JOBS, { body: `{"id":"${'x'.repeat(300_000)}"}` })
  expect([large.status, large.body['error_code']]).toEqual([413, 'payload_too_large'])
  const headers = { tenant: 'no tenant' }
  expect((await call(`${service.url}/api/v1/api-keys`, { headers })).status).toBe(400)
})

it('says of every operation that asks for a token what may keep it from being done', () => {
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods))
  const guarded = operations.filter(({ security }) => security.length > 0)
  expect(guarded.length).toBeGreaterThan(40)
  for (const { operationId, responses } of guarded) {
    const headersOf = (status: number) => Object.keys(responses[status]?.headers ?? {})
    expect([operationId, ...headersOf(401)]).toContain('www-authenticate')
    expect([operationId, ...headersOf(503)]).toContain('retry-after')
    expect([operationId, ...headersOf(403)]).toContain('x-request-id')
    if (responses[429]) expect(headersOf(429)).toContain('retry-after')
  }
  const limited = service.routes.flatMap((route) => (route.limited ? route.operationId : []))
  const of429 = operations.filter(({ responses }) => responses[429])
  expect(of429.map(({ operationId }) => operationId).toSorted()).toEqual(
    [...limited, ...CROWDED].toSorted(),
  )
  for (const { operationId, responses } of of429) {
    const headers = Object.keys(responses[429]?.headers ?? {})
    expect(headers.includes('ratelimit-reset')).toBe(limited.includes(operationId))
  }
})

it('says what a receiver gets, by event type, and what its answers mean', () => {
  expect(Object.keys(webhooks)).toHaveLength(50)
  expect(webhooks['millrace.integration_stopped']).toMatchObject({
    post: {
      requestBody: { content: { 'application/json': { example: { payload: { id: 'erp-1' } } } } },
    },
  })
  const deprecated = Object.entries(webhooks).filter(([, { post }]) => post.deprecated)
  expect(deprecated.map(([name]) => name)).toEqual(['order.shipped'])
  for (const { post } of Object.values(webhooks)) {
    const statuses = Object.keys(post.responses).toSorted()
    expect(statuses).toEqual(['2XX', '400', '403', '410', '429', '503', 'default'])
  }
})

it('is what every answer of a test is held against', async () => {
  const url = `${service.url}${EVENTSTREAM}`
  const judge = (status: number, body: unknown) =>
    expectDocumented(url, 'GET', { status, headers: {}, body })
  await judge(200, { integrations: [] })
  await expect(judge(418, {})).rejects.toThrow('listIntegrations, 418: a status')
  await expect(judge(200, { integrations: [{ id: 1 }] })).rejects.toThrow('a body of another shape')
})

it('says what is answered where all rejected events are deleted or sent again', async () => {
  await register(service.url, 'erp-1', 'http://127.0.0.1:9/')
  const path = `${EVENTSTREAM}/erp-1/rejected_events`
  const template = `${EVENTSTREAM}/{integration_id}/rejected_events`
  const shapeOf = (operation: Operation | undefined) =>
    schemas[operation?.responses[200]?.content?.['application/json'].schema.$ref.slice(21) ?? '']
  const deleted = await call(service.url + path, { method: 'DELETE' })
  expect(deleted.body).toEqual({ deleted: 0 })
  expect(shapeOf(paths[template]?.['delete'])).toMatchObject({ required: ['deleted'] })
  const sent = await call(`${service.url}${path}/_retry`, { method: 'POST' })
  expect(sent.body).toEqual({ delivered: 0 })
  expect(shapeOf(paths[`${template}/_retry`]?.['post'])).toMatchObject({ required: ['delivered'] })
})

it('has no pattern whose fault would be told as a regular expression', () => {
  const found = new Set<string>()
  const collect = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    for (const [key, value] of Object.entries(node)) {
      if (key === 'pattern' && typeof value === 'string') found.add(value)
      else collect(value)
    }
    if (isObject(node) && isObject(node['patternProperties'])) {
      for (const pattern of Object.keys(node['patternProperties'])) found.add(pattern)
    }
  }
  for (const { body, parameters } of service.routes) collect([body, parameters])
  expect(found.size).toBeGreaterThan(15)
  const untold = [...found].filter((pattern) => ruleOfPattern(pattern).includes(pattern))
  expect(untold).toEqual([])
})
