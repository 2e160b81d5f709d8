// The documents that the service serves, linted: the recommended rules of redocly find nothing, and
// every body has a name and an example that is what its schema says.

import { createConfig, lintFromString } from '@redocly/openapi-core'
import { Compile } from 'typebox/schema'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { call } from '../../scripts/kit/client.ts'
import type { Server } from '../../src/server.ts'
import { startHere } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'

type Content = Record<string, { schema: { $ref?: string }; example?: unknown }>
type Operation = {
  operationId: string
  tags?: string[]
  requestBody?: { content: Content }
  responses: Record<string, { content?: Content }>
}
type Paths = Record<string, Record<string, Operation>>
type Document = { paths: Paths; webhooks: Paths; components: Record<string, object> }

const database = useDatabase()
let service: Server
let document: Document
beforeAll(async () => {
  service = await startHere(database.url)
  document = (await call<Document>(`${service.url}/openapi.json`, { token: null })).body
})
afterAll(() => service.stop())

const operations = () =>
  Object.values({ ...document.paths, ...document.webhooks }).flatMap((one) => Object.values(one))

/** Every body of the document, with a name for it. */
function bodies(): [name: string, content: Content][] {
  return operations().flatMap(({ operationId, requestBody, responses }) => [
    ...(requestBody ? [[`${operationId} request`, requestBody.content] as [string, Content]] : []),
    ...Object.entries(responses).flatMap(([status, { content }]) =>
      content ? [[`${operationId} ${status}`, content] as [string, Content]] : [],
    ),
  ])
}

it('has no finding of the recommended rules', async () => {
  const config = await createConfig({ extends: ['recommended'] })
  const problems = await lintFromString({ source: JSON.stringify(document), config })
  const told = problems.map(({ ruleId, message, location: [where] }) => [
    ...[ruleId, message, where?.pointer],
  ])
  expect(told).toEqual([])
  expect(operations().length).toBeGreaterThan(80)
})

it('names no schema as Go names the constructor of another, and no component that only webhooks use', () => {
  const { schemas = {}, ...others } = document.components
  const names = Object.keys(schemas)
  expect(names).toContain('IntegrationInput')
  expect(names.filter((name) => names.includes(`New${name}`))).toEqual([])
  // Generators that make nothing of webhooks would still refer to them.
  expect(Object.keys(others).sort()).toEqual(['headers', 'responses', 'securitySchemes'])
})

it('shows of each refusal the code that it mostly has', () => {
  const examples = (status: string) =>
    bodies().flatMap(([name, content]) =>
      name.endsWith(` ${status}`) ? Object.values(content).map(({ example }) => example) : [],
    )
  expect(JSON.stringify(examples('503'))).not.toContain('overloaded')
  expect(examples('503').length).toBeGreaterThan(20)
  const told = bodies().find(([name]) => name === 'issueToken 401')?.[1]['application/json']
  expect(told?.example).toMatchObject({ error: 'invalid_client' })
})

it('names the type of every body, the pattern of every filter, and one way to authorize', () => {
  const types = bodies().flatMap(([, content]) => Object.keys(content))
  expect(types.filter((type) => type.includes('*'))).toEqual([])
  const text = JSON.stringify(document)
  expect(text.match(/"(?:event|entity)_filter":\{"type":"array","items":\{/g)?.length).toBe(2)
  expect(text.match(/"(?:event|entity)_filter":[^}]*"pattern"/g)?.length).toBe(2)
  expect(JSON.stringify(document.paths['/api/v1/jobs/{job_id}'])).not.toContain('left out')
  expect(Object.keys(document.components['securitySchemes'] ?? {})).toEqual(['bearer'])
})

it('has a tag on every operation, and a named schema for every body', () => {
  expect(operations().filter(({ tags }) => tags?.length !== 1)).toEqual([])
  const nameless = bodies().filter(([, content]) =>
    Object.values(content).some(({ schema }) => !schema.$ref?.startsWith('#/components/schemas/')),
  )
  expect(nameless).toEqual([])
})

it('has an example of every body that its schema takes', () => {
  const wrong = bodies().flatMap(([name, content]) =>
    Object.values(content).flatMap(({ schema, example }) => {
      const check = Compile({ ...schema, components: document.components } as object)
      return check.Check(example) ? [] : [[name, example, check.Errors(example)]]
    }),
  )
  expect(wrong).toEqual([])
  expect(bodies().length).toBeGreaterThan(200)
})
