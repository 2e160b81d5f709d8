// What every kind of answer does to the stream, on the running service: attempts, state after, log
// entries, the next event (docs/receive.md).

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import https from 'node:https'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { call, EVENTSTREAM, publish, register } from '../../scripts/kit/client.ts'
import { type Answer, ok, startReceiver, status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { startService, useReceiver, useService } from '../helpers/service.ts'

const database = useDatabase()
const good = useReceiver()
const service = useService('start', database, () => ({
  MILLRACE_RETRY_BASE_MS: '2',
  MILLRACE_SWEEP_MS: '50',
  MILLRACE_DELIVERY_TIMEOUT_MS: '300',
}))

type Logs = { entries: { action: string; reason: string }[] }

/** Publishes two events of two entities to a target that answers the first one so for ever. */
async function tryAnswer(answer: Answer) {
  const tenant = `t-${randomUUID().slice(0, 8)}`
  const first = { position: 0 }
  const receiver = await startReceiver((received, response) =>
    received.position === first.position ? answer(received, response) : ok(received, response),
  )
  const headers = { tenant }
  const registration = {
    id: 'erp',
    integration_type: 'permanent',
    callback_parameters: { callback_url: receiver.url },
  }
  const on = (action: string, method: string) =>
    call(`${service.url}${EVENTSTREAM}/erp${action}`, { method, headers })
  // Published first, so that the receiver knows which one is the first.
  const reply = await publish(service.url, { key: 'a', entityId: 'a', payload: '{}', tenant })
  first.position = reply.body.position
  const next = await publish(service.url, { key: 'b', entityId: 'b', payload: '{}', tenant })
  const starts_at = new Date(Date.now() - 60_000).toISOString()
  const body = JSON.stringify({ ...registration, starts_at })
  expect(await call(service.url + EVENTSTREAM, { headers, body })).toMatchObject({ status: 200 })

  const gotNext = () => receiver.received.some((r) => r.position === next.body.position)
  await until('it is stopped, or the next event arrives', async () => {
    if (gotNext()) return true
    return (await on('', 'GET')).body['status'] === 'stopped'
  })
  const attempts = receiver.received.filter((r) => r.position === first.position).length
  const { body: logs } = (await on('/logs', 'GET')) as { body: unknown } as { body: Logs }
  const state = gotNext() ? 'goes on' : String((await on('', 'GET')).body['status'])
  await on('', 'DELETE')
  await receiver.close()
  return { attempts, state, actions: logs.entries.map(({ action }) => action), logs: logs.entries }
}

const retried = ['integration_stopped', 'retries_exhausted', ...Array(10).fill('retry_triggered')]
const certificate = (name: string) =>
  readFileSync(path.join(import.meta.dirname, `../fixtures/self-signed.${name}.pem`))

describe('an answer of', () => {
  it.each([200, 201, 204])('%i acknowledges', async (code) => {
    expect(await tryAnswer(status(code))).toMatchObject({ attempts: 1, state: 'goes on' })
  })

  it('400 is kept as rejected, and the stream goes on', async () => {
    const result = await tryAnswer(status(400, {}, 'no such product'))
    expect(result).toMatchObject({ attempts: 1, state: 'goes on' })
    const entry = result.logs.find(({ action }) => action === 'event_rejected')
    expect(entry?.reason).toMatch(/URL http:\/\/127.*HTTP status code 400.*no such product/)
  })

  it.each([403, 410])('%i stops at once', async (code) => {
    const result = await tryAnswer(status(code))
    expect(result).toMatchObject({ attempts: 1, state: 'stopped' })
    expect(result.actions.slice(0, 2)).toEqual(['integration_stopped', 'event_refused'])
    expect(result.logs[0]?.reason).toContain(`HTTP status code ${code}`)
  })

  it.each([401, 404, 429, 500, 503])('%i is tried again ten times, then it stops', async (code) => {
    const result = await tryAnswer(status(code))
    expect(result).toMatchObject({ attempts: 11, state: 'stopped' })
    expect(result.actions.slice(0, 12)).toEqual(retried)
  })

  it('301 to a good URL is not followed', async () => {
    const before = good.received.length
    const result = await tryAnswer(status(301, { location: good.url }))
    expect(result).toMatchObject({ attempts: 11, state: 'stopped' })
    expect(good.received.length).toBe(before)
  })
})

it('sends less at once to a target that says 429, and loses nothing', async () => {
  const tenant = 'throttled'
  let open = 0
  const refused = { count: 0 }
  const receiver = await startReceiver((_, response) => {
    open++
    const isTooMuch = open > 6
    if (isTooMuch) refused.count++
    setTimeout(() => {
      open--
      response.writeHead(isTooMuch ? 429 : 200).end()
    }, 10)
  })
  const starts_at = new Date(Date.now() - 60_000).toISOString()
  for (let i = 0; i < 400; i++) {
    await publish(service.url, { key: `k${i}`, entityId: `e${i}`, payload: '{}', tenant })
  }
  await register(service.url, 'erp', receiver.url, { starts_at }, tenant)
  const distinct = () => new Set(receiver.received.map(({ position }) => position)).size
  await until('all have been sent', () => distinct() === 400)
  await until('all are settled', async () => {
    const { rows } = await database.pool.query(
      `select sum(delivered)::integer as delivered from receipt where tenant = $1`,
      [tenant],
    )
    return rows[0].delivered === 400
  })
  // Each start anew doubles to 16 and is refused ten at once where nothing is learnt: 250 and more.
  expect(refused.count).toBeLessThan(80)
  await receiver.close()
})

describe('no good answer:', () => {
  const endless: Answer = (_, response) => {
    const write = () => {
      while (response.write('x'.repeat(65_536)));
    }
    response.on('drain', write)
    write()
  }
  const dripping: Answer = (_, response) => {
    response.writeHead(200)
    const timer = setInterval(() => response.write('.'), 50)
    response.on('close', () => clearInterval(timer))
  }
  const half: Answer = (_, response) => {
    response.writeHead(200, { 'content-length': '10' })
    response.write('half', () => response.socket?.destroy())
  }
  const cases: [string, Answer][] = [
    ['a reset', (_, response) => response.socket?.resetAndDestroy()],
    ['silence', () => {}],
    ['half of it', half],
    ['one without end', endless],
    ['a byte now and then', dripping],
  ]
  it.each(cases)('%s', async (_, answer) => {
    expect(await tryAnswer(answer)).toMatchObject({ attempts: 11, state: 'stopped' })
  })

  it('a certificate that nobody signed', async () => {
    const options = { key: certificate('key'), cert: certificate('cert') }
    const server = https.createServer(options, (_, response) => response.end())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    await register(service.url, 'tls', `https://127.0.0.1:${port}/`)
    await publish(service.url, { key: randomUUID(), payload: '{}' })
    const on = (action: string) => call(`${service.url}${EVENTSTREAM}/tls${action}`)
    await until('it is stopped', async () => (await on('')).body['status'] === 'stopped')
    expect(JSON.stringify((await on('/logs')).body)).toMatch(/self-signed certificate/)
    server.close()
  })
})

describe('Retry-After', () => {
  it.each([
    ['seconds', () => '1'],
    ['a date', () => new Date(Date.now() + 3_000).toUTCString()],
  ])('as %s is written down as the time of the next retry', async (_, header) => {
    const tenant = `t-${randomUUID().slice(0, 8)}`
    const slow = await startService('start', {
      DATABASE_URL: database.url,
      MILLRACE_RETRY_BASE_MS: '10',
    })
    // The time is of the answer: a date that was made before could be over by then.
    const receiver = await startReceiver((_event, response) =>
      response.writeHead(429, { 'retry-after': header() }).end(),
    )
    const headers = { tenant }
    const body = JSON.stringify({
      id: 'erp',
      integration_type: 'permanent',
      callback_parameters: { callback_url: receiver.url },
    })
    await call(slow.url + EVENTSTREAM, { headers, body })
    await publish(slow.url, { key: 'a', payload: '{}', tenant })
    const { retry_at, before } = await until('a retry is written down', async () => {
      const { rows } = await database.pool.query(
        `select retry_at, position / 1000 as before from cursor join attempt using (tenant)
         where tenant = $1 and retry_at is not null`,
        [tenant],
      )
      return rows[0]
    })
    const delay = retry_at.getTime() - before
    expect(delay).toBeGreaterThan(200)
    expect(delay).toBeLessThan(6_000)
    await slow.kill('SIGTERM')
    await call(`${service.url}${EVENTSTREAM}/erp`, { method: 'DELETE', headers })
    await receiver.close()
  })
})
