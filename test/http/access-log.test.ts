// The access log: a line for each request, and for one of a hundred publishes; none of a secret.

import { expect, it } from 'vitest'
import { ADMIN_TOKEN, EVENTSTREAM, publish, send } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { useService } from '../helpers/service.ts'

const MARKER = 'nobody-else-may-read-this'

const database = useDatabase()
const service = useService('serve', database, () => ({ MILLRACE_ACCESS_LOG: 'true' }))

type Line = Record<string, unknown>
const lines = (): Line[] =>
  service
    .output()
    .split('\n')
    .filter((line) => line.includes('"msg":"served"'))
    .map((line) => JSON.parse(line))

it('has a line for each request', async () => {
  const asked = await send(`${service.url}${EVENTSTREAM}?x=${MARKER}`, { token: null })
  expect(asked.status).toBe(401)
  await send(`${service.url}${EVENTSTREAM}`)
  await send(`${service.url}/nowhere`)
  const logged = await until('three lines', () => lines().length === 3 && lines())
  expect(logged).toMatchObject([
    { method: 'GET', path: EVENTSTREAM, operation: 'listIntegrations', status: 401 },
    { status: 200, actor: 'admin token', peer: '127.0.0.1', ms: expect.any(Number) },
    { path: '/nowhere', status: 404, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
  ])
})

it('has a line for one of a hundred publishes, and says so', async () => {
  for (let i = 0; i < 101; i++) {
    await publish(service.url, { key: `${MARKER}-${i}`, payload: `{"a":"${MARKER}"}` })
  }
  const published = () => lines().filter(({ operation }) => operation === 'publishEvent')
  const logged = await until('two lines', () => published().length === 2 && published())
  expect(logged).toMatchObject([
    { operation: 'publishEvent', path: '/events/order.created', status: 201, oneIn: 100 },
    { operation: 'publishEvent', status: 201, oneIn: 100 },
  ])
})

it('has no query, no header and no body', () => {
  expect(service.output()).not.toContain(MARKER)
  expect(service.output()).not.toContain(ADMIN_TOKEN)
})
