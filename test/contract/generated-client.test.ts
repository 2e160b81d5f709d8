// A client made from the OpenAPI document, as an integrator has it: it registers, stops, updates,
// starts and replays without knowing anything else of the service.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { type Document, OpenAPIClientAxios } from 'openapi-client-axios'
import { beforeAll, expect, it } from 'vitest'
import { ADMIN_TOKEN, publish } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { useReceiver, useService } from '../helpers/service.ts'

type Reply = { status: number; data: { status: string; integrations: { id: string }[] } }
type Operation = (parameters?: object | null, body?: object) => Promise<Reply>

const fixture = path.join(import.meta.dirname, '../fixtures/configuration-api.openapi.json')
const definition = JSON.parse(readFileSync(fixture, 'utf8')) as Document
const database = useDatabase()
const receiver = useReceiver()
const service = useService('start', database, () => ({ MILLRACE_SWEEP_MS: '100' }))
let client: Record<string, Operation>
beforeAll(async () => {
  const api = new OpenAPIClientAxios({
    definition,
    withServer: { url: `${service.url}/api/v1/org/integrations` },
    axiosConfigDefaults: {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, tenant: 'dodici' },
    },
  })
  client = (await api.init()) as unknown as typeof client
})

const call = (operationId: string, parameters?: object | null, body?: object) =>
  (client[operationId] as Operation)(parameters, body)

it('does what the document says', async () => {
  const erp = { integration_id: 'erp-1' }
  const callback_parameters = { callback_url: receiver.url }
  const permanent = { id: 'erp-1', integration_type: 'permanent', callback_parameters }
  await call('registerIntegration', null, permanent)
  const { body } = await publish(service.url, { key: 'one', payload: '{}' })
  await until('it arrives', () => receiver.received.length === 1)

  expect((await call('stopIntegration', erp)).data.status).toBe('stopped')
  const filter_conditions = { entity_filter: ['order'] }
  expect((await call('updateIntegration', erp, { filter_conditions })).status).toBe(200)
  expect((await call('startIntegration', erp)).data.status).toBe('running')
  expect((await call('getIntegration', erp)).data).toMatchObject({ filter_conditions })

  await call('registerIntegration', null, {
    id: 'replay-1',
    integration_type: 'temporary',
    starts_at: new Date(Math.floor(body.position / 1000)).toISOString(),
    ends_at: new Date(Math.ceil(body.position / 1000) + 1).toISOString(),
    callback_parameters,
  })
  await until('it arrives once more', () => receiver.received.length === 2)
  const ids = receiver.received.map(({ headers }) => headers['webhook-id'])
  expect(ids[0]).toBe(ids[1])
  await until('the replay has left the list', async () => {
    const { data } = await call('listIntegrations')
    return data.integrations.map(({ id }) => id).join() === 'erp-1'
  })
  expect((await call('deleteIntegration', erp)).status).toBe(200)
})
