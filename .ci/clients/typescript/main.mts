// The main job with the client that openapi-typescript makes: publish, register, list.

import createClient from 'openapi-fetch'
import type { components, paths } from './schema.d.ts'

const { MILLRACE_URL = '', MILLRACE_TOKEN = '', RECEIVER = '' } = process.env
const client = createClient<paths>({
  baseUrl: MILLRACE_URL,
  headers: { authorization: `Bearer ${MILLRACE_TOKEN}` },
})
const tenant = 'dodici'
const payload: components['schemas']['Payload'] = { id: 'order-1', grand_total: 320.08 }
const integration: components['schemas']['IntegrationInput'] = {
  id: 'typescript',
  integration_type: 'permanent',
  callback_parameters: { callback_url: RECEIVER },
  filter_conditions: { event_filter: ['order.created'] },
}

const published = await client.POST('/events/{event_name}', {
  params: {
    path: { event_name: 'order.created' },
    header: {
      tenant,
      team: 'team-orders',
      service: 'shop',
      'entity-id': 'order-1',
      'idempotency-key': 'typescript',
    },
  },
  body: payload,
})
const header = { tenant }
const registered = await client.POST('/api/v1/org/integrations/eventstream', {
  params: { header },
  body: integration,
})
const listed = await client.GET('/api/v1/org/integrations/eventstream', { params: { header } })
const refused = await client.POST('/api/v1/org/integrations/eventstream', {
  params: { header },
  body: integration,
})

console.log(
  JSON.stringify({
    position: published.data?.position,
    status: registered.data?.status,
    ids: listed.data?.integrations.map(({ id }) => id),
    refusal: refused.error?.error_code,
  }),
)
