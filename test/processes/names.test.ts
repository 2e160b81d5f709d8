// A name server that is silent about the names of one tenant: ten integrations and eight clients
// that register take nothing from another tenant, neither its registration nor its delivery.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { call, EVENTSTREAM, publish, register } from '../../scripts/kit/client.ts'
import { type NameServer, startNameServer } from '../../scripts/kit/name-server.ts'
import { type Receiver, startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { type Service, startService } from '../helpers/service.ts'

const SOON_MS = 2_000
const database = useDatabase()
let receiver: Receiver
let serve: Service
let work: Service
/** The two processes see the receiver's name differently, so that the rule for targets holds. */
let outside: NameServer
let inside: NameServer
beforeAll(async () => {
  receiver = await startReceiver()
  outside = await startNameServer({ 'receiver.example': ['93.184.216.34'] })
  inside = await startNameServer({ 'receiver.example': ['127.0.0.1'] })
  const common = { DATABASE_URL: database.url }
  serve = await startService('serve', {
    ...common,
    ...outside.environment,
    MILLRACE_ALLOW_PRIVATE_TARGETS: 'false',
  })
  work = await startService('work', { ...common, ...inside.environment })
})
afterAll(async () => {
  await Promise.all([serve.kill('SIGTERM'), work.kill('SIGTERM')])
  await Promise.all([receiver.close(), outside.close(), inside.close()])
})

/** Registers an integration of the loud tenant with a name that nobody answers for. */
function registerSilent(id: string) {
  const callback_parameters = { callback_url: `http://${id}.silent.example/` }
  const body = JSON.stringify({ id, integration_type: 'permanent', callback_parameters })
  return call(serve.url + EVENTSTREAM, { headers: { tenant: 'loud' }, body })
}

it('takes nothing from another tenant', async () => {
  const ids = Array.from({ length: 10 }, (_, i) => `loud-${i}`)
  const replies = await Promise.all(ids.map(registerSilent))
  expect(replies.map(({ status }) => status)).toEqual(ids.map(() => 200))
  await publish(serve.url, { tenant: 'loud', key: 'loud', payload: '{}' })
  await until('the worker asks for all ten', () =>
    ids.every((id) => inside.questions.includes(`${id}.silent.example A`)),
  )
  let isOver = false
  let registrations = 0
  const clients = Array.from({ length: 8 }, async (_, client) => {
    while (!isOver) await registerSilent(`client-${client}-${registrations++}`)
  })
  await until('eight are registering', () => registrations === 8)

  const begun = performance.now()
  const url = `http://receiver.example:${receiver.port}/`
  await register(serve.url, 'quiet', url, {}, 'quiet')
  expect(performance.now() - begun).toBeLessThan(SOON_MS)
  for (let i = 0; i < 20; i++) {
    const published = performance.now()
    await publish(serve.url, { tenant: 'quiet', key: `k${i}`, payload: '{}' })
    await until('it is delivered', () => receiver.received.length > i)
    expect(performance.now() - published).toBeLessThan(SOON_MS)
  }
  isOver = true
  await Promise.all(clients)
})
