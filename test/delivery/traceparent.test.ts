// A trace from its publisher to every receiver: kept with the event, and passed on by each try.

import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { EVENTSTREAM, publish, register, send } from '../../scripts/kit/client.ts'
import { aCollectedEvent, EVENTS } from '../../scripts/kit/collector.ts'
import { status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { lineOf, openBulk } from '../gateway/bulk-client.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'
import { openStream } from '../helpers/streams.ts'

const database = useDatabase()
const receiver = useReceiver()
const settings = { MILLRACE_SWEEP_MS: '100', MILLRACE_RETRY_BASE_MS: '20' }
const service = useService('start', database, () => settings)
const { ask, on } = api(service)
let traces = 0
const aTrace = () => `00-${randomUUID().replaceAll('-', '')}-00f067aa0ba902b7-0${++traces % 2}`

async function put(key: string, traceparent?: string) {
  const headers: Record<string, string> = traceparent === undefined ? {} : { traceparent }
  const { status, body } = await publish(service.url, { key, payload: '{}', headers })
  expect(status).toBe(201)
  return body
}

/** What the webhook got of the event with this key. */
const got = (key: string, times = 1) =>
  until(`${key} has arrived`, () => {
    const requests = receiver.received.filter(({ headers }) => headers['idempotency-key'] === key)
    return requests.length >= times && requests.map(({ headers }) => headers['traceparent'])
  })

const shown = async (position: number) => (await ask('GET', `/events/${position}`)).body

describe('a trace', () => {
  it('goes with its event to webhooks, searches and streams', async () => {
    await register(service.url, 'traced', receiver.url)
    const [first, second] = [aTrace(), aTrace()]
    const stream = await openStream(service.url)
    const { position } = await put('first', first)
    await put('second', second)
    await put('none')
    expect([await got('first'), await got('second'), await got('none')]).toEqual([
      ...[[first], [second], [undefined]],
    ])
    expect(await shown(position)).toMatchObject({ traceparent: first })
    const { body } = await ask('GET', '/events?order=asc')
    const events = body['events'] as { traceparent?: string }[]
    const wanted = [first, second, undefined]
    expect(events.map(({ traceparent }) => traceparent)).toEqual(wanted)
    expect(Object.keys(events[2] as object)).not.toContain('traceparent')
    const headers = { accept: 'application/x-ndjson' }
    const lines = await send<string>(`${service.url}/events?order=asc`, { headers })
    const parsed = lines.body.trim().split('\n')
    expect(parsed.map((line) => JSON.parse(line).traceparent)).toEqual(wanted)
    await stream.has(3)
    expect(stream.events.map(({ data }) => JSON.parse(data).traceparent)).toEqual(wanted)
  })

  it('is ignored if it is malformed, or if the event is known', async () => {
    const { position } = await put('malformed', '00-0-0-01')
    expect(await shown(position)).not.toHaveProperty('traceparent')
    const kept = aTrace()
    const first = await put('again', kept)
    expect(await put('again', aTrace())).toEqual({ ...first, duplicate: true })
    expect(await put('again')).toEqual({ ...first, duplicate: true })
    expect(await shown(first.position)).toMatchObject({ traceparent: kept })
  })

  it('of a line of a bulk body is its own; that of the request is of no event', async () => {
    const trace = aTrace()
    const bulk = openBulk(service.url, { traceparent: aTrace() })
    const odd = [null, 7, 'none', '\ud800', {}]
    bulk.request.end(
      lineOf('own', '{}', { traceparent: trace }) +
        lineOf('without', '{}') +
        odd.map((traceparent, i) => lineOf(`odd-${i}`, '{}', { traceparent })).join(''),
    )
    await bulk.whole
    const all = await Promise.all(bulk.answers.map(({ position }) => shown(position as number)))
    expect(all.map(({ traceparent }) => traceparent)).toEqual([
      ...[trace, undefined, ...odd.map(() => undefined)],
    ])
    expect(await got('own')).toEqual([trace])
  })

  it('of a collected event is taken, too', async () => {
    const [trace, id] = [aTrace(), randomUUID()]
    const event = aCollectedEvent({ id })
    const reply = await ask('POST', EVENTS, event, { traceparent: trace })
    expect(reply.status).toBe(201)
    expect(await got(id)).toEqual([trace])
  })

  it('is the same in a retry, a resend, and the retry of a rejected event', async () => {
    const trace = aTrace()
    receiver.answer = status(500)
    const { position } = await put('retried', trace)
    await got('retried', 2)
    receiver.answer = status(400)
    const rejected = await until('it is rejected', async () => {
      const { body } = await on('traced', '/rejected_events')
      const [event] = body['rejected_events'] as { id: string }[]
      return event
    })
    receiver.answer = status(200)
    const before = receiver.received.length
    const path = `${EVENTSTREAM}/traced`
    const retried = await ask('POST', `${path}/rejected_events/${rejected.id}/_retry`)
    expect(retried.status, JSON.stringify(retried)).toBeLessThan(300)
    const body = { position, reason: 'again' }
    expect((await ask('POST', `${path}/_resend`, body)).status).toBe(200)
    expect(receiver.received.length).toBe(before + 2)
    expect(new Set(await got('retried'))).toEqual(new Set([trace]))
  })
})
