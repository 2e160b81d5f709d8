// Spans of OpenTelemetry: the trace of an event from its publish to its receivers.

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { publish, register } from '../../scripts/kit/client.ts'
import { status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { readConfig } from '../../src/config.ts'
import { createLogger } from '../../src/logger.ts'
import { openTracer } from '../../src/opentelemetry.ts'
import { lineOf, openBulk } from '../gateway/bulk-client.ts'
import { useDatabase } from '../helpers/database.ts'
import { freePort } from '../helpers/free-port.ts'
import { type ReceivedSpan, startSpanReceiver } from '../helpers/otlp.ts'
import { startService, useReceiver, useService } from '../helpers/service.ts'

const database = useDatabase()
const first = useReceiver()
const second = useReceiver()
let collector: Awaited<ReturnType<typeof startSpanReceiver>>
beforeAll(async () => {
  collector = await startSpanReceiver()
})
afterAll(() => collector.close())

const settings = { MILLRACE_SWEEP_MS: '100', MILLRACE_RETRY_BASE_MS: '20' }
const service = useService('start', database, () => ({
  ...settings,
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
}))
const PARENT = '00f067aa0ba902b7'
const aTrace = (flags = '01') => {
  const id = randomUUID().replaceAll('-', '')
  return { id, traceparent: `00-${id}-${PARENT}-${flags}` }
}

async function put(key: string, traceparent?: string, url = service.url) {
  const headers: Record<string, string> = traceparent === undefined ? {} : { traceparent }
  const reply = await publish(url, { key, payload: '{}', headers })
  expect(reply.status).toBe(201)
  return reply.body.position
}

const got = (receiver: typeof first, key: string) =>
  until(`${key} has arrived`, () =>
    receiver.received.find(({ headers }) => headers['idempotency-key'] === key),
  )

/** The spans of a trace, once there are as many. */
const spansOf = (traceId: string, count: number): Promise<ReceivedSpan[]> =>
  until(`${traceId} has ${count} spans`, () => {
    const found = collector.spans.filter((span) => span.traceId === traceId)
    return found.length >= count && found
  })

const named = (spans: ReceivedSpan[], name: string) =>
  spans.filter((span) => span.name === name) as [ReceivedSpan, ...ReceivedSpan[]]

beforeEach(() => {
  first.answer = status(200)
})

describe('the spans of an event', () => {
  it('are one trace, from its publish to two webhooks', async () => {
    await register(service.url, 'first', first.url)
    await register(service.url, 'second', second.url)
    const { id, traceparent } = aTrace()
    const position = await put('sampled', traceparent)
    const received = await Promise.all([got(first, 'sampled'), got(second, 'sampled')])
    const spans = await spansOf(id, 4)
    expect(spans).toHaveLength(4)
    const [published] = named(spans, 'publish order.created')
    expect(published).toMatchObject({ service: 'millrace', kind: 'server', parentId: PARENT })
    expect(published.attributes).toMatchObject({
      'millrace.tenant': 'dodici',
      'millrace.position': position,
    })
    expect(named(spans, 'append')[0].parentId).toBe(published.spanId)
    const delivered = named(spans, 'deliver order.created')
    for (const span of delivered) {
      expect(span).toMatchObject({ kind: 'client', parentId: published.spanId, hasFailed: false })
    }
    const consumers = delivered.map(({ attributes }) => attributes['millrace.consumer'])
    expect(consumers.sort()).toEqual(['first', 'second'])
    // A receiver goes on from the span of its own delivery.
    const sent = received.map(({ headers }) => headers['traceparent'])
    expect(sent.sort()).toEqual(delivered.map(({ spanId }) => `00-${id}-${spanId}-01`).sort())
  })

  it('are none if its publisher does not sample it, which its receiver gets as it is', async () => {
    const { id, traceparent } = aTrace('00')
    await put('unsampled', traceparent)
    expect((await got(first, 'unsampled')).headers['traceparent']).toBe(traceparent)
    const later = aTrace()
    await put('later', later.traceparent)
    await got(first, 'later')
    await spansOf(later.id, 4)
    expect(collector.spans.filter(({ traceId }) => traceId === id)).toEqual([])
  })

  it('begin a trace if it comes with none', async () => {
    await put('without')
    const sent = String((await got(first, 'without')).headers['traceparent'])
    const [, id = '', spanId] = sent.split('-')
    const spans = await spansOf(id, 4)
    expect(named(spans, 'publish order.created')[0].parentId).toBe('')
    expect(spans.map((span) => span.spanId)).toContain(spanId)
  })

  it('are one for each try, and a failed one says so', async () => {
    const { id, traceparent } = aTrace()
    let tries = 0
    first.answer = (_, response) => response.writeHead(++tries === 1 ? 500 : 200).end()
    await put('retried', traceparent)
    const tried = named(await spansOf(id, 5), 'deliver order.created').filter(
      ({ attributes }) => attributes['millrace.consumer'] === 'first',
    )
    const outcomes = tried.map(({ hasFailed, attributes }) => ({
      hasFailed,
      status: attributes['http.response.status_code'],
    }))
    expect(outcomes).toEqual([
      { hasFailed: true, status: 500 },
      { hasFailed: false, status: 200 },
    ])
  })

  it('of a bulk body are those of its batch and its deliveries', async () => {
    const [one, two] = [aTrace(), aTrace()]
    const bulk = openBulk(service.url)
    const lineWith = (key: string, traceparent: string) => lineOf(key, '{}', { traceparent })
    bulk.request.end(
      lineWith('one', one.traceparent) + lineWith('two', two.traceparent) + lineOf('three', '{}'),
    )
    await bulk.whole
    const spans = [...(await spansOf(one.id, 3)), ...(await spansOf(two.id, 2))]
    expect(named(spans, 'append')).toMatchObject([{ parentId: PARENT, links: [PARENT] }])
    const received = await got(first, 'three')
    expect(received.headers['traceparent']).toBeUndefined()
  })
})

describe('a receiver of spans', () => {
  it('that is away harms nobody, and is a warning', async () => {
    const alone = await startService('start', {
      DATABASE_URL: database.url,
      ...settings,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '500',
    })
    const { traceparent } = aTrace()
    await put('nowhere', traceparent, alone.url)
    await got(first, 'nowhere')
    const began = performance.now()
    expect(await alone.kill('SIGTERM')).toBe(0)
    expect(performance.now() - began).toBeLessThan(9_800)
    expect(alone.output()).toContain('spans do not arrive')
  })

  it('gets the spans that are left when the service stops', async () => {
    const alone = await startService('serve', {
      DATABASE_URL: database.url,
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
      OTEL_SERVICE_NAME: 'shop-events',
    })
    const { id, traceparent } = aTrace()
    await put('last', traceparent, alone.url)
    expect(await alone.kill('SIGTERM')).toBe(0)
    const services = (await spansOf(id, 2)).map((span) => span.service)
    expect(services).toContain('shop-events')
  })
})

it.each([
  [{}],
  [{ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }],
  [{ OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }],
])('there is no tracer with %j', async (environment) => {
  expect(await openTracer(readConfig(environment), createLogger('silent'))).toBeUndefined()
})
