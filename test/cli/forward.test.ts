// millrace forward: events reach a local server as signed webhooks, and go again after a failure.

import { expect, it } from 'vitest'
import { status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { newSigningSecret, sign, signingKey } from '../../src/destination/sign.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'
import { commandsOn, useHome } from './running.ts'

const service = useService('start', useDatabase())
const receiver = useReceiver()
const commands = commandsOn(service, useHome())
const { ask } = api(service)

it('sends each event, signed, and again until it is taken', async () => {
  const secret = newSigningSecret()
  const forward = commands.start([
    'listen',
    '--forward',
    receiver.url,
    '--from',
    'today',
    '--secret',
    secret,
  ])
  receiver.answer = status(503)
  const sent = { team: 'a', service: 'b', 'entity-id': 'c', 'idempotency-key': 'key-1' }
  await ask('POST', '/events/order.created', { n: 1.5 }, sent)
  await until('it was refused', () => forward.output().includes('503 after'))
  receiver.answer = status(200)
  await until('it was taken', () => forward.output().includes('200 after'))
  const { headers, body } = receiver.received.at(-1) ?? expect.fail()
  const id = String(headers['webhook-id'])
  const timestamp = String(headers['webhook-timestamp'])
  expect(headers['webhook-signature']).toBe(sign([signingKey(secret)], id, timestamp, body))
  expect(JSON.parse(body.toString())).toMatchObject({ tenant: 'dodici', payload: { n: 1.5 } })
  expect(receiver.received[0]?.headers['webhook-id']).toBe(id)
  forward.process.kill('SIGINT')
  expect((await forward.ended).status).toBe(0)
})
