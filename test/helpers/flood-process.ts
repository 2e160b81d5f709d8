// A flood in a separate process, until it is ended: N loops that send one request after the other.
// Arguments: the service's URL, the kind of request (a name of `floods`), N.

import { Agent, request } from 'undici'

const [url, kind, loops] = process.argv.slice(2) as [string, keyof typeof floods, string]
const event = {
  authorization: `Bearer ${process.env['FLOOD_TOKEN']}`,
  tenant: 'flood',
  team: 'team-flood',
  service: 'flood',
  'entity-id': 'order-1',
}
const floods = {
  large: {
    path: '/events/order.created',
    headers: event,
    body: JSON.stringify({ big: 'x'.repeat(1_000_000) }),
  },
  collected: {
    path: '/api/v1/events',
    headers: event,
    // A new id each time, of the same length.
    body: JSON.stringify({
      id: 'ID',
      entity_id: '1',
      entity_name: 'CUSTOMER',
      event_type: 'ENTITY_EVENT',
      event_source: 'APPLICATION',
      event_payload: { operation: 'CREATE', base64_encoded_payload_json: 'x'.repeat(1_000_000) },
    }),
  },
  deep: {
    path: '/events/order.created',
    headers: event,
    body: `{"a":${'['.repeat(25_000)}${']'.repeat(25_000)}}`,
  },
  names: {
    path: '/oauth2/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: Array.from({ length: 20_000 }, (_, i) => `${i.toString(36)}=`).join('&'),
  },
}

const { path, headers, body } = floods[kind]
const dispatcher = new Agent({ connections: Number(loops) })
let sent = 0
for (let loop = 0; loop < Number(loops); loop++) void goOn()

async function goOn(): Promise<void> {
  for (;;) {
    const id = `flood-${process.pid}-${sent++}`
    const options = {
      ...({ dispatcher, method: 'POST' } as const),
      headers: { ...headers, 'idempotency-key': id },
      body: kind === 'collected' ? body.replace('ID', id) : body,
    }
    const answer = await request(url + path, options).catch(() => undefined)
    await answer?.body.dump()
    process.stdout.write(`${answer?.statusCode ?? 'none'}\n`)
  }
}
