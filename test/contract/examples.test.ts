// The example of every request body, sent as it stands in the document, is taken by the service.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { call } from '../../scripts/kit/client.ts'
import type { Server } from '../../src/server.ts'
import { startHere } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'

type Parameter = { in: string; name: string; required: boolean; example?: string }
type Operation = {
  operationId: string
  parameters?: Parameter[]
  requestBody?: { content: Record<string, { example: unknown }> }
}
type Paths = Record<string, Record<string, Operation>>

/** What these answer: there is no event at the example's position. */
const REFUSALS: Record<string, number> = {
  skipIntegrationEvent: 409,
  skipSubscriptionEvent: 409,
  resendIntegrationEvent: 404,
  resendSubscriptionEvent: 404,
  // A service in a test prints no link.
  signIn: 401,
  // Nor does it have an issuer of OpenID Connect.
  startOpenId: 404,
  finishOpenId: 404,
}

/** What makes something comes before what changes it. */
const ORDER = [
  ...['publishEvent', 'publishEvents', 'createEvent', 'registerIntegration', 'previewFilter'],
  ...['stopIntegration', 'updateIntegration', 'rotateSigningSecret', 'createEventSubscription'],
  ...['updateEventSubscription', 'createJob', 'updateJob', 'testJob'],
  ...[
    'setNotificationSender',
    'testIntegration',
    ...Object.keys(REFUSALS),
    'registerEventType',
    'createApiKey',
  ],
  ...['startReplay', 'startSubscriptionReplay'],
]

const database = useDatabase()
let service: Server
let paths: Paths
beforeAll(async () => {
  service = await startHere(database.url)
  paths = (await call<{ paths: Paths }>(`${service.url}/openapi.json`)).body.paths
})
afterAll(() => service.stop())

it('is taken by its operation', async () => {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  const taken: string[] = []
  for (const id of ORDER) {
    const found = operations.find(({ operation }) => operation.operationId === id)
    if (!found) throw new Error(`There is no ${id}.`)
    const { path, method, operation } = found
    const { parameters = [], requestBody } = operation
    const exampleOf = (name: string) => parameters.find((one) => one.name === name)?.example ?? ''
    const headers = parameters.filter((one) => one.in === 'header' && one.required)
    const [[type = '', content] = []] = Object.entries(requestBody?.content ?? {})
    const example = content?.example
    const { status, body } = await call(
      service.url + path.replace(/\{(\w+)\}/g, (_, name) => exampleOf(name)),
      {
        method: method.toUpperCase(),
        headers: {
          'content-type': type,
          ...Object.fromEntries(headers.map(({ name }) => [name, exampleOf(name)])),
        },
        ...(example === undefined ? {} : { body: JSON.stringify(example) }),
      },
    )
    const expected = REFUSALS[id] ? [REFUSALS[id]] : [200, 201]
    expect(expected, `${id}: ${JSON.stringify(body)}`).toContain(status)
    if (example !== undefined) taken.push(id)
  }
  // The example of a form holds no real credentials.
  const withBody = operations.filter(({ operation: { operationId, requestBody } }) => {
    return requestBody && operationId !== 'issueToken'
  })
  expect(taken.toSorted()).toEqual(
    withBody.map(({ operation: { operationId } }) => operationId).toSorted(),
  )
})
