// The configuration API against the OpenAPI document that clients were written for: every operation
// and every documented status is reached, and every answer is valid against it.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import * as Schema from 'typebox/schema'
import { describe, expect, it } from 'vitest'
import { call, EVENTSTREAM, publish } from '../../scripts/kit/client.ts'
import { ok, status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { useReceiver, useService } from '../helpers/service.ts'

type Operation = {
  operationId: string
  responses: Record<string, { content?: { 'application/json': { schema: object } } }>
}
const fixture = path.join(import.meta.dirname, '../fixtures/configuration-api.openapi.json')
const paths = JSON.parse(readFileSync(fixture, 'utf8')).paths as Record<
  string,
  Record<string, Operation>
>
const operations = new Map<string, { method: string; path: string; operation: Operation }>()
for (const [path, methods] of Object.entries(paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    if (operation.responses) operations.set(operation.operationId, { method, path, operation })
  }
}
const reached = new Set<string>()

const database = useDatabase()
const receiver = useReceiver()
const service = useService('start', database)

/** Calls an operation, checks its answer against the document, and expects the status. */
async function drive(
  operationId: string,
  expected: number,
  options: { id?: string; event?: string; body?: unknown } = {},
) {
  const { method, path, operation } = operations.get(operationId) as NonNullable<
    ReturnType<typeof operations.get>
  >
  const { id = 'erp-1', event = randomUUID(), body } = options
  const filled = path.replace('{integration_id}', id).replace('{event_id}', event)
  const reply = await call(service.url + EVENTSTREAM + filled.replace('/eventstream', ''), {
    method: method.toUpperCase(),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  expect(reply.status, JSON.stringify(reply.body)).toBe(expected)
  const documented = operation.responses[String(expected)]
  expect(documented, `${operationId} documents ${expected}`).toBeDefined()
  const schema = documented?.content?.['application/json'].schema
  if (schema) expect(Schema.Check(schema, reply.body), JSON.stringify(reply.body)).toBe(true)
  reached.add(`${operationId} ${expected}`)
  return reply
}

const registration = (id: string) => ({
  id,
  integration_type: 'permanent',
  callback_parameters: { callback_url: receiver.url, api_key: 'key' },
  filter_conditions: { event_filter: ['order.created'], entity_filter: ['return'] },
})

describe('the documented life of an integration', () => {
  it('is registered, shown, stopped, updated, started', async () => {
    await drive('registerIntegration', 200, { body: registration('erp-1') })
    await drive('registerIntegration', 409, { body: registration('erp-1') })
    await drive('registerIntegration', 400, { body: { ...registration('erp-2'), id: 'ERP 2' } })
    await drive('listIntegrations', 200)
    await drive('getIntegration', 200)
    await drive('updateIntegration', 400, { body: { callback_parameters: { callback_url: 'x' } } })
    await drive('stopIntegration', 200)
    const callback_parameters = { callback_url: `${receiver.url}new` }
    const updated = await drive('updateIntegration', 200, { body: { callback_parameters } })
    expect(updated.body).toMatchObject({ status: 'stopped', callback_parameters })
    await drive('startIntegration', 200)
    await drive('listIntegrationLogEntries', 200)
  })

  it('keeps, shows, retries and deletes what it rejected', async () => {
    receiver.answer = status(400, {}, 'no such product')
    const payload = '{"sum":25.080}'
    for (const key of ['a', 'b']) await publish(service.url, { key, payload })
    const rejected = await until('two are rejected', async () => {
      const { body } = await drive('listRejectedEvents', 200)
      const list = body['rejected_events'] as { id: string }[]
      return list.length === 2 && list
    })
    const [event, other] = rejected.map(({ id }) => id) as [string, string]
    const shown = await drive('getRejectedEvent', 200, { event })
    expect(shown.body).toMatchObject({ name: 'order.created', payload: { sum: 25.08 } })
    await drive('retryRejectedEvent', 502, { event })
    receiver.answer = ok
    await drive('retryRejectedEvent', 200, { event })
    expect(receiver.received.at(-1)?.body.toString()).toContain('"payload":{"sum":25.080}')
    await drive('retryRejectedEvent', 404, { event })
    await drive('getRejectedEvent', 404, { event })
    await drive('deleteRejectedEvent', 200, { event: other })
    await drive('deleteRejectedEvent', 404, { event: other })
    const { body } = await drive('listIntegrationLogEntries', 200)
    const entries = body['entries'] as { action: string; reason: string }[]
    const actions = entries.map(({ action }) => action)
    const reasonOf = (action: string) => entries.find((entry) => entry.action === action)?.reason
    // Newest first: b was listed before a.
    expect(reasonOf('rejected_event_delivered')).toMatch(
      /^Sent again and accepted: HTTP status code 200. It is order.created of order-1, .* key b\./,
    )
    expect(reasonOf('rejected_event_deleted')).toMatch(
      /^1 .* deleted via API: order.created of order-1 \(position \d+, idempotency key a\)\.$/,
    )
    for (const action of [
      'integration_started',
      'integration_stopped',
      'integration_updated',
      'event_rejected',
      'rejected_event_delivered',
      'rejected_event_deleted',
    ]) {
      expect(actions).toContain(action)
    }
  })

  it('is unknown: 404', async () => {
    const id = 'unknown'
    for (const { operation, method } of operations.values()) {
      if (!operation.responses['404']) continue
      const body = method === 'patch' ? {} : undefined
      await drive(operation.operationId, 404, { id, body })
    }
  })

  it('is deleted', async () => {
    await drive('deleteIntegration', 200)
    await drive('getIntegration', 404)
  })
})

describe('a database that fails', () => {
  it('is a 500 of every operation, without a word of the cause', async () => {
    for (const table of ['integration', 'consumer']) {
      await database.admin.pool.query(`alter table ${table} rename to ${table}_gone`)
    }
    for (const { operation, method } of operations.values()) {
      const bodies: Record<string, unknown> = { patch: {}, post: registration('erp-9') }
      const isRegister = operation.operationId === 'registerIntegration'
      const body = method === 'patch' || isRegister ? bodies[method] : undefined
      const { body: problem } = await drive(operation.operationId, 500, { body })
      expect(JSON.stringify(problem)).not.toMatch(/relation|does not exist|select/)
    }
    for (const table of ['integration', 'consumer']) {
      await database.admin.pool.query(`alter table ${table}_gone rename to ${table}`)
    }
  })
})

it('every documented status was reached', () => {
  const documented = [...operations.values()].flatMap(({ operation }) =>
    Object.keys(operation.responses).map((code) => `${operation.operationId} ${code}`),
  )
  expect([...reached].sort()).toEqual(documented.sort())
})
