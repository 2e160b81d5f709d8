// Are the receivers of receive.md what they say: do they take what the service sends, once, and
// refuse what somebody else does?

import { randomBytes, randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { expect } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import type { Block } from './blocks.ts'
import type { Session } from './session.ts'

/** Tries the receiver that the terminal has just started in the background, and ends it. */
export async function tryReceiver(session: Session): Promise<void> {
  try {
    await takesWhatIsSigned(session)
  } finally {
    await session.terminal().run('kill $!; wait $! || true')
  }
}

async function takesWhatIsSigned(session: Session): Promise<void> {
  const terminal = session.terminal()
  const secret = (await terminal.run('echo "$SECRET"')).trim()
  const url = `http://127.0.0.1:${session.portOf(9101)}/`
  await until('the receiver listens', () => fetch(url).then(Boolean, () => false))
  const id = `msg_dodici_${await publish(session)}`
  const printed = () => terminal.transcript().split(`received ${id}`).length - 1
  await until('the receiver takes a signed event of the service', () => printed() > 0)

  const body = JSON.stringify({ name: 'order.created', payload: {} })
  const send = (headers: Record<string, string>, text = body) =>
    fetch(url, { method: 'POST', headers, body: text })
  const signed = (by: string, sentAt: Date) => ({
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1_000)),
    'webhook-signature': new Webhook(by).sign(id, sentAt, body),
  })
  const now = new Date()
  const statuses = {
    unsigned: (await send({})).status,
    forged: (await send(signed(`whsec_${randomBytes(32).toString('base64')}`, now))).status,
    altered: (await send(signed(secret, now), '{}')).status,
    old: (await send(signed(secret, new Date(now.getTime() - 600_000)))).status,
    again: (await send(signed(secret, now))).status,
  }
  expect(statuses).toEqual({ unsigned: 401, forged: 401, altered: 401, old: 401, again: 204 })
  expect(printed()).toBe(1)
}

/** Does a request on the wire have the headers that the page shows? */
export async function tryRequest(session: Session, shown: Block): Promise<void> {
  const [request = '', ...lines] = shown.text.split('\n')
  const headers = lines.slice(0, lines.indexOf('')).map((line) => line.split(':')[0] as string)
  expect(request).toBe('POST /  HTTP/1.1')
  const token = await tokenOf(session)
  const api = `${session.url()}/api/v1/org/integrations/eventstream`
  const options = { authorization: `Bearer ${token}`, tenant: 'dodici' }
  const registered = await fetch(api, {
    method: 'POST',
    headers: options,
    body: JSON.stringify({
      id: 'on-the-wire',
      integration_type: 'permanent',
      callback_parameters: { callback_url: session.receiver.url, api_key: 'a-key' },
      delivery: { signing_secret: `whsec_${randomBytes(32).toString('base64')}` },
    }),
  })
  expect(registered.status).toBe(200)
  const position = await publish(session)
  const received = await until('the event arrives', () =>
    session.receiver.received.find((one) => one.position === position),
  )
  expect(Object.keys(received.headers)).toEqual(expect.arrayContaining(headers))
  const shownBody = (lines.at(-1) as string).replace('{…}', '{}')
  expect(Object.keys(JSON.parse(received.body.toString()))).toEqual(
    Object.keys(JSON.parse(shownBody)),
  )
  await fetch(`${api}/on-the-wire`, { method: 'DELETE', headers: options })
}

async function publish(session: Session): Promise<number> {
  const response = await fetch(`${session.url()}/events/order.created`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await tokenOf(session)}`,
      tenant: 'dodici',
      team: 'team-orders',
      service: 'shop',
      'entity-id': randomUUID(),
      'idempotency-key': randomUUID(),
    },
    body: '{"id":"order-1"}',
  })
  expect(response.status).toBe(201)
  return ((await response.json()) as { position: number }).position
}

async function tokenOf(session: Session): Promise<string> {
  return (await session.terminal().run('cat .millrace/admin-token')).trim()
}
