// What is of queues and topics alone: requests of ten within a size, a result for each message,
// groups and deduplication, and what each error of the services means.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Destination, type Outcome, sendOne } from '../../src/destination/destination.ts'
import { groupOf, messageOf } from '../../src/destination/message.ts'
import { createQueueConnections, type QueueOptions } from '../../src/destination/queue.ts'
import { createSns } from '../../src/destination/sns.ts'
import { createSqs } from '../../src/destination/sqs.ts'
import { type Broker, errorOf, keys, startBroker } from '../helpers/broker.ts'
import { payloadOfMessage } from '../helpers/targets.ts'

const connections = createQueueConnections({ allowPrivateTargets: true })
let broker: Broker
let names = 0
let position = 1_760_000_000_000_000
beforeAll(async () => {
  broker = await startBroker()
})
afterEach(() => {
  broker.answer = () => false
  broker.faultOf = () => undefined
  broker.requests.length = 0
})
afterAll(async () => {
  connections.close()
  await broker.close()
})

const publishedAt = '2025-10-09T08:53:20.123456Z'
const named = { tenant: 'dodici', name: 'order.created', publishedAt, traceparent: null }
const eventOf = (payload = '{}', entityId = `order-${position}`) => ({
  ...named,
  entityId,
  payload,
  position: position++,
  idempotencyKey: `key-${position}`,
})
type Opened = { name: string; destination: Destination }
const services = {
  sqs: { maxBytes: 1_048_576, open: openQueue },
  sns: { maxBytes: 262_144, open: openTopic },
}

const allowed = { allowPrivateTargets: true, allowDefaultCredentials: false }
const anywhere = { region: 'us-east-1', timeoutMs: 5_000, ...allowed }
function optionsWith(more: Partial<QueueOptions>): QueueOptions {
  return { ...anywhere, credentials: keys, endpoint: broker.url, ...more }
}
function openQueue(ending = '', more: Partial<QueueOptions> = {}): Opened {
  const name = `queue-${names++}${ending}`
  const queueUrl = broker.createQueue(name)
  return { name, destination: createSqs(connections, { ...optionsWith(more), queueUrl }) }
}
function openTopic(ending = '', more: Partial<QueueOptions> = {}): Opened {
  const name = `topic-${names++}${ending}`
  const topicArn = broker.createTopic(name)
  return { name, destination: createSns(connections, { ...optionsWith(more), topicArn }) }
}
const kinds = (outcomes: Outcome[]) => outcomes.map(({ kind }) => kind)
/** Which events, by the `i` of their payloads, came together: concurrent requests in any order. */
const requested = () =>
  broker.requests
    .map(({ entries }) => entries.map((entry) => JSON.parse(payloadOfMessage(entry)).i))
    .sort(([a], [b]) => a - b)
const payloads = (name: string) => broker.messages(name).map(payloadOfMessage)

describe.each(Object.entries(services))('%s', (service, { maxBytes, open }) => {
  it('gets what is sent at once in requests of ten', async () => {
    const { destination, name } = open()
    const events = Array.from({ length: 25 }, (_, i) => eventOf(`{"i":${i}}`))
    await Promise.all(events.map((event) => sendOne(destination, event)))
    const numbers = events.map((_, i) => i)
    expect(requested()).toEqual([numbers.slice(0, 10), numbers.slice(10, 20), numbers.slice(20)])
    const message = broker.messages(name).find((one) => payloadOfMessage(one) === '{"i":0}')
    expect(message?.messageGroupId).toBeUndefined()
    expect(message?.messageDeduplicationId).toBeUndefined()
    expect(message?.messageAttributes['position']?.StringValue).toBe(String(events[0]?.position))
  })

  it.each(['closes', 'resets'])('gets each message once if it %s after an answer', async (how) => {
    const { destination, name } = open()
    broker.answer = (_, response) => {
      const { socket } = response
      const cut = how === 'closes' ? () => socket?.end() : () => socket?.resetAndDestroy()
      response.on('finish', () => setImmediate(cut))
      return false
    }
    const outcomes: Outcome[] = []
    for (let i = 0; i < 10; i++) {
      const events = Array.from({ length: 40 }, () => eventOf(`{"i":${i}}`))
      outcomes.push(...(await Promise.all(events.map((event) => sendOne(destination, event)))))
    }
    expect(new Set(kinds(outcomes))).toEqual(new Set(['delivered']))
    expect(broker.messages(name)).toHaveLength(400)
  })

  it('gets no request that is too large, and everything that is not', async () => {
    const { destination, name } = open()
    const fill = 'x'.repeat((maxBytes / 4) * 0.99)
    const events = Array.from({ length: 7 }, (_, i) => eventOf(`{"i":${i},"a":"${fill}"}`))
    expect(kinds(await Promise.all(events.map((event) => sendOne(destination, event))))).toEqual(
      events.map(() => 'delivered'),
    )
    expect(requested()).toEqual([[0, 1, 2], [3, 4, 5], [6]])
    expect(payloads(name)).toHaveLength(7)
  })

  it('gets a message of the largest size, and none beyond', async () => {
    const { destination, name } = open()
    // A collected event leaves as it is: each byte of it counts once.
    const event = eventOf()
    const collected = (fill: number) => ({
      ...event,
      payload:
        `{"id":"${event.idempotencyKey}","entity_name":"ORDER",` +
        `"event_payload":{"a":"${'x'.repeat(fill)}"}}`,
    })
    const fill = maxBytes - messageOf(collected(0)).bytes
    expect(await sendOne(destination, collected(fill + 1))).toMatchObject({
      kind: 'rejected',
      status: 413,
      response: '',
      reason: expect.stringContaining(`${maxBytes + 1} bytes`),
    })
    expect(broker.requests).toEqual([])
    expect(await sendOne(destination, collected(fill))).toEqual({ kind: 'delivered', status: 200 })
    expect(broker.messages(name)[0]?.body).toBe(collected(fill).payload)
  })

  it('takes some of a request: each message has an outcome of its own', async () => {
    const { destination, name } = open()
    const codes: Record<string, [string, boolean]> = {
      '1': ['InvalidMessageContents', true],
      '2': ['InternalError', false],
      '3': ['RequestThrottled', true],
      '4': ['SomethingNew', true],
      '5': ['KMS.AccessDeniedException', true],
      '6': ['InternalError', true],
    }
    broker.faultOf = ({ id }) => {
      const [code = '', isSenderFault = false] = codes[id] ?? []
      return codes[id] && { code, isSenderFault }
    }
    const events = Array.from({ length: 8 }, (_, i) => eventOf(`{"i":${i}}`))
    const outcomes = await Promise.all(events.map((event) => sendOne(destination, event)))
    expect(kinds(outcomes)).toEqual([
      ...['delivered', 'rejected', 'unavailable', 'unavailable'],
      ...['rejected', 'refused', 'unavailable', 'delivered'],
    ])
    expect(outcomes[3]).toMatchObject({ isThrottled: true })
    expect(outcomes[1]).toMatchObject({
      status: 400,
      response: expect.stringContaining('InvalidMessageContents'),
      reason: expect.stringMatching(/^Message to the .+ failed\. Reason: InvalidMessageContents/),
    })
    expect(payloads(name)).toEqual(['{"i":0}', '{"i":7}'])
  })

  it('may refuse a whole request for one message: it is found', async () => {
    const { destination, name } = open()
    broker.answer = (request, response) => {
      if (!request.entries.some(({ body }) => body.includes(btoa('{"bad":1}')))) return false
      return errorOf(400, 'InvalidParameterValue')(request, response)
    }
    const events = ['{"i":0}', '{"bad":1}', '{"i":2}'].map((payload) => eventOf(payload))
    const outcomes = await Promise.all(events.map((event) => sendOne(destination, event)))
    expect(kinds(outcomes)).toEqual(['delivered', 'rejected', 'delivered'])
    expect(payloads(name).sort()).toEqual(['{"i":0}', '{"i":2}'])
  })

  it('that mentions a message in no way has not taken it', async () => {
    const { destination } = open()
    broker.answer = (_, response) => {
      response.end(service === 'sqs' ? '{}' : '<PublishBatchResponse></PublishBatchResponse>')
      return true
    }
    expect(await sendOne(destination, eventOf())).toMatchObject({ kind: 'unavailable' })
  })

  it('keeps each entity in its order and each event once, when it is FIFO', async () => {
    const { destination, name } = open('.fifo')
    const event = eventOf('{"n":1}', 'größe 1')
    const others = [eventOf('{"n":2}', 'order-1'), eventOf('{"n":3}', 'größe 1')]
    expect(await sendOne(destination, event)).toMatchObject({ kind: 'delivered' })
    for (const other of others)
      expect(await sendOne(destination, other)).toMatchObject({ status: 200 })
    // As after a crash, by another process.
    expect(await sendOne(destination, event)).toMatchObject({ kind: 'delivered' })
    const groups = Map.groupBy(broker.messages(name), ({ messageGroupId }) => messageGroupId)
    expect([...groups].map(([group, all]) => [group, ...all.map(payloadOfMessage)])).toEqual([
      [groupOf('größe 1'), '{"n":1}', '{"n":3}'],
      ['order-1', '{"n":2}'],
    ])
  })

  it('that is gone refuses', async () => {
    const { destination, name } = open()
    expect(await sendOne(destination, eventOf())).toMatchObject({ kind: 'delivered' })
    if (service === 'sqs') broker.deleteQueue(name)
    else broker.deleteTopic(name)
    expect(await sendOne(destination, eventOf())).toMatchObject({
      kind: 'refused',
      reason: expect.stringMatching(/QueueDoesNotExist|NotFound/),
    })
  })

  it('is not called without keys, unless the operator lends some', async () => {
    const { destination } = open('', { credentials: undefined })
    expect(await sendOne(destination, eventOf())).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining('operator'),
    })
    expect(broker.requests).toEqual([])
  })

  const refused: [number, string, string?][] = [
    [403, 'InvalidClientTokenId'],
    [400, 'UnrecognizedClientException'],
    [403, 'SignatureDoesNotMatch'],
    [400, 'AccessDeniedException'],
    [400, 'AWS.SimpleQueueService.NonExistentQueue'],
    [404, 'NotFound'],
    [400, 'KMSDisabled'],
    [400, 'InvalidParameter', 'Invalid parameter: TopicArn Reason: no such thing'],
    [401, 'Words'],
  ]
  it.each(refused)('%i %s: refused', async (status, name, message) => {
    broker.answer = errorOf(status, name, message)
    expect(await sendOne(open().destination, eventOf())).toMatchObject({ kind: 'refused', status })
  })

  const passing: [number, string, string?][] = [
    [500, 'InternalFailure'],
    [503, 'ServiceUnavailable'],
    [403, 'ExpiredToken'],
    [403, 'RequestExpired'],
    [403, 'InvalidSignatureException', 'Signature expired: 20251009T000000Z is now earlier'],
    [400, 'SomethingNew'],
  ]
  it.each(passing)('%i %s: to be tried again', async (status, name, message) => {
    broker.answer = errorOf(status, name, message)
    const outcome = await sendOne(open().destination, eventOf())
    expect(outcome).toMatchObject({ kind: 'unavailable', status })
  })

  const throttling: [number, string][] = [
    [403, 'RequestThrottled'],
    [400, 'ThrottlingException'],
    [429, 'Throttled'],
    [400, 'KmsThrottled'],
  ]
  it.each(throttling)('%i %s: fewer at once', async (status, name) => {
    broker.answer = errorOf(status, name)
    const outcome = await sendOne(open().destination, eventOf())
    expect(outcome).toMatchObject({ kind: 'unavailable', status, isThrottled: true })
    expect(broker.requests).toHaveLength(1)
  })

  it('that fails once is asked once more', async () => {
    const { destination, name } = open()
    let failures = 0
    broker.answer = (request, response) =>
      failures++ === 0 && errorOf(500, 'InternalError')(request, response)
    expect(await sendOne(destination, eventOf())).toMatchObject({ kind: 'delivered' })
    expect(payloads(name)).toHaveLength(1)
  })
})

it('finds a queue by its URL where there is no endpoint', async () => {
  const { destination, name } = openQueue('', { endpoint: undefined })
  expect(await sendOne(destination, eventOf('{"n":1}'))).toMatchObject({ kind: 'delivered' })
  expect(payloads(name)).toEqual(['{"n":1}'])
})

it('does not call a private address that stands in a queue’s URL', async () => {
  const guarded = createQueueConnections({ allowPrivateTargets: false })
  const queueUrl = broker.createQueue('private')
  for (const host of ['127.0.0.1', 'localhost']) {
    const destination = createSqs(guarded, {
      ...optionsWith({ endpoint: undefined, allowPrivateTargets: false }),
      queueUrl: queueUrl.replace('127.0.0.1', host),
    })
    expect(await sendOne(destination, eventOf())).toMatchObject({
      kind: 'unavailable',
      reason: expect.stringContaining('not a public address'),
    })
  }
  expect(broker.requests).toEqual([])
})

it('rejects what a queue’s own limit forbids, and sends the rest', async () => {
  const queueUrl = broker.createQueue('small', { MaximumMessageSize: '2048' })
  const destination = createSqs(connections, { ...optionsWith({}), queueUrl })
  const events = [eventOf(), eventOf(`{"a":"${'x'.repeat(3_000)}"}`), eventOf()]
  expect(kinds(await Promise.all(events.map((event) => sendOne(destination, event))))).toEqual([
    ...['delivered', 'rejected', 'delivered'],
  ])
})
