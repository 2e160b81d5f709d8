// A flood in a process of its own, until it is ended: so many loops that send one request after the
// other. Arguments: the service's URL, what to send (large, deep or names), how many loops.

import { Agent, request } from 'undici'

const [url, kind, loops] = process.argv.slice(2) as [string, 'large' | 'deep' | 'names', string]
const event = {
  authorization: `Bearer ${process.env['FLOOD_TOKEN']}`,
  ...{ tenant: 'flood', team: 'team-flood', service: 'flood', 'entity-id': 'order-1' },
}
const floods = {
  large: {
    path: '/events/order.created',
    headers: event,
    body: JSON.stringify({ big: 'x'.repeat(1_000_000) }),
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
    const key = { 'idempotency-key': `flood-${process.pid}-${sent++}` }
    const options = { dispatcher, method: 'POST', headers: { ...headers, ...key }, body } as const
    const answer = await request(url + path, options).catch(() => undefined)
    await answer?.body.dump()
    process.stdout.write(`${answer?.statusCode ?? 'none'}\n`)
  }
}
