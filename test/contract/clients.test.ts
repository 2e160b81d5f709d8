// Clients that generators make of the served document compile, and do the main job: publish,
// register, list. Those that are not installed are named by scripts/test.ts; one needs nothing.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { type Document, OpenAPIClientAxios } from 'openapi-client-axios'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ADMIN_TOKEN, call } from '../../scripts/kit/client.ts'
import type { Server } from '../../src/server.ts'
import { startHere } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'
import { generators } from '../helpers/generators.ts'

/** Two compilers and a generator, on a machine that has much else to do. */
const TIMEOUT_MS = 300_000
const RECEIVER = 'http://127.0.0.1:9/events'

const database = useDatabase()
const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-clients-'))
let service: Server
let document: Document
beforeAll(async () => {
  service = await startHere(database.url)
  document = (await call<Document>(`${service.url}/openapi.json`, { token: null })).body
})
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  await service.stop()
})

type Told = { position: number; status: string; ids: string[]; refusal: string }

/** What the program of a client said, beside what is stored. */
async function expectDone(name: string, { position, status, ids, refusal }: Told) {
  expect([status, refusal]).toEqual(['running', 'conflict'])
  expect(ids).toContain(name)
  const { rows } = await database.pool.query(
    `select idempotency_key, payload::text from event where tenant = 'dodici' and position = $1`,
    [position],
  )
  expect(rows).toHaveLength(1)
  expect(rows[0].idempotency_key).toBe(name)
  expect(JSON.parse(rows[0].payload)).toEqual({ id: 'order-1', grand_total: 320.08 })
  const { rows: consumers } = await database.pool.query(
    `select document from consumer where tenant = 'dodici' and id = $1`,
    [name],
  )
  expect(consumers[0].document).toMatchObject({
    filter_conditions: { event_filter: ['order.created'] },
    callback_parameters: { callback_url: RECEIVER },
  })
}

it.each(generators.filter(({ isThere }) => isThere()))(
  'a client in $language compiles, publishes, registers and lists',
  async ({ language, make }) => {
    const folder = mkdtempSync(path.join(directory, `${language}-`))
    const file = path.join(folder, 'openapi.json')
    writeFileSync(file, JSON.stringify(document))
    const [command, ...args] = make(file, folder)
    const { stdout } = await promisify(execFile)(command, args, {
      cwd: folder,
      env: { ...process.env, MILLRACE_URL: service.url, MILLRACE_TOKEN: ADMIN_TOKEN, RECEIVER },
    })
    await expectDone(language, JSON.parse(stdout))
  },
  TIMEOUT_MS,
)

it('a client that is made while it runs publishes, registers and lists', async () => {
  const api = new OpenAPIClientAxios({
    definition: document,
    withServer: { url: service.url },
    axiosConfigDefaults: {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      validateStatus: null,
    },
  })
  const client = await api.init()
  const operate = async (name: string, parameters: object, body?: object) =>
    (await client[name]?.(parameters as never, body))?.data
  const integration = {
    id: 'axios',
    integration_type: 'permanent',
    callback_parameters: { callback_url: RECEIVER },
    filter_conditions: { event_filter: ['order.created'] },
  }
  const tenant = 'dodici'
  const published = await operate(
    'publishEvent',
    {
      event_name: 'order.created',
      tenant,
      team: 'team-orders',
      service: 'shop',
      'entity-id': 'order-1',
      'idempotency-key': 'axios',
    },
    { id: 'order-1', grand_total: 320.08 },
  )
  const registered = await operate('registerIntegration', { tenant }, integration)
  const listed = await operate('listIntegrations', { tenant })
  const refused = await operate('registerIntegration', { tenant }, integration)
  await expectDone('axios', {
    position: published.position,
    status: registered.status,
    refusal: refused.error_code,
    ids: listed.integrations.map(({ id }: { id: string }) => id),
  })
})
