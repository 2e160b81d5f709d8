// A broker under torture, in a separate process: the SQS and SNS of npm, in memory, which no harm
// reaches, behind a front whose moods follow the seed. At the end its queues are compared: they
// hold a message once for each time that the broker accepted it.

import type http from 'node:http'
import { startFauxqs } from 'fauxqs'
import { Agent, request as forward } from 'undici'
import { type Chance, createChance } from '../kit/chance.ts'
import { createBodyServer, listen } from '../kit/listen.ts'
import { serveCalls } from '../kit/remote.ts'
import { payloadOf, serialOf } from './event.ts'
import { createMoods, type Phase } from './moods.ts'

type Server = Awaited<ReturnType<typeof startFauxqs>>
/**
 * unheard: the messages are accepted, and the connection is reset before the answer. partly: some
 * messages of a request are refused. silent: never answered.
 */
type Mood = 'well' | 'failing' | 'unheard' | 'throttling' | 'partly' | 'silent'

const MOODS: Phase<Mood>[] = [
  { mood: 'well', lastsMs: [500, 2_000] },
  { mood: 'failing', lastsMs: [50, 400] },
  { mood: 'unheard', lastsMs: [50, 300] },
  { mood: 'throttling', lastsMs: [50, 200] },
  { mood: 'partly', lastsMs: [200, 800] },
  { mood: 'silent', lastsMs: [20, 100] },
]

/** The contents of a queue: the messages of each group in order. */
export type Held = {
  serials: number[]
  positions: number[]
  groups: string[]
  /** Bodies that differ from the published event. */
  altered: string[]
}

const ALTERED_LISTED = 5
const HARVEST_MS = 2_000
const agent = new Agent({ connections: 64 })
/** The messages removed from each queue so far. */
const queues = new Map<string, Held>()
let server: Server
let isHealed = false

serveCalls({
  ping: () => {},
  /** Its addresses: one without faults, and one with moods. */
  async start(seed: number): Promise<{ steady: string; moody: string }> {
    server = await startFauxqs({ port: 0, logger: false })
    setInterval(harvest, HARVEST_MS)
    const steady = `http://127.0.0.1:${server.port}`
    return { steady, moody: await startFront(steady, createChance(seed)) }
  },
  createQueue(name: string) {
    const attributes: Record<string, string> = name.endsWith('.fifo') ? { FifoQueue: 'true' } : {}
    server.createQueue(name, { attributes })
    queues.set(name, { serials: [], positions: [], groups: [], altered: [] })
  },
  /** A FIFO topic whose messages arrive unchanged in the queue of the same name. */
  createTopic(name: string): string {
    const { topicArn } = server.createTopic(name, { attributes: { FifoTopic: 'true' } })
    server.subscribe({ topic: name, queue: name, attributes: { RawMessageDelivery: 'true' } })
    return topicArn
  },
  heal() {
    isHealed = true
  },
  held(name: string): Held | undefined {
    harvest()
    return queues.get(name)
  },
})

/**
 * Empties the queues in one turn of the event loop, so that nothing arrives in between: the
 * 1,700,000 messages of ten minutes took 4 GB. Their memory for deduplication stays.
 */
function harvest(): void {
  for (const [name, held] of queues) {
    for (const message of server.inspectQueue(name)?.messages.ready ?? []) {
      const { idempotency_key, position } = message.messageAttributes
      const serial = serialOf(idempotency_key?.StringValue ?? '') ?? -1
      const { event_payload, entity_id } = JSON.parse(message.body)
      const payload = Buffer.from(event_payload.base64_encoded_payload_json, 'base64').toString()
      const isWhole = payload === payloadOf(serial) && event_payload.entity_id === entity_id
      if (!isWhole && held.altered.length < ALTERED_LISTED) held.altered.push(message.body)
      held.serials.push(serial)
      held.positions.push(Number(position?.StringValue))
      held.groups.push(message.messageGroupId ?? entity_id)
    }
  }
  server.reset()
}

async function startFront(target: string, chance: Chance): Promise<string> {
  const moodOf = createMoods(chance, MOODS)
  const front = createBodyServer(({ headers }, body, response) => {
    serve(headers, body, response).catch(() => response.destroy())
  })
  return `http://127.0.0.1:${await listen(front)}`

  async function serve(
    headers: http.IncomingHttpHeaders,
    body: Buffer,
    response: http.ServerResponse,
  ): Promise<void> {
    const mood = isHealed ? 'well' : moodOf().mood
    if (mood === 'silent') return
    if (mood === 'failing') return void response.writeHead(500).end('down')
    const isSqs = headers['x-amz-target'] !== undefined
    if (mood === 'throttling') {
      const error = isSqs
        ? '{"__type":"com.amazonaws.sqs#RequestThrottled"}'
        : '<ErrorResponse><Error><Code>Throttled</Code></Error></ErrorResponse>'
      return void response.writeHead(400).end(error)
    }
    const { taken, failed } =
      mood === 'partly' && isSqs ? partOf(body) : { taken: body, failed: [] }
    const { 'content-length': _, ...passed } = headers
    const answer = await forward(target, {
      dispatcher: agent,
      method: 'POST',
      headers: passed,
      body: taken,
    })
    const text = await answer.body.text()
    if (mood === 'unheard') return void response.socket?.resetAndDestroy()
    const reply = failed.length > 0 ? { ...JSON.parse(text), Failed: failed } : undefined
    response
      .writeHead(answer.statusCode, { 'content-type': String(answer.headers['content-type']) })
      .end(reply ? JSON.stringify(reply) : text)
  }

  /** At least one is accepted: an empty batch would be refused as a whole. */
  function partOf(body: Buffer): { taken: Buffer; failed: object[] } {
    const input = JSON.parse(body.toString())
    const isTaken = (input.Entries as unknown[]).map((_, i) => i === 0 || chance.happens(0.5))
    const entries: { Id: string }[] = input.Entries
    const failed = entries.flatMap(({ Id }, i) =>
      isTaken[i] ? [] : [{ Id, Code: 'InternalError', SenderFault: false }],
    )
    const Entries = entries.filter((_, i) => isTaken[i])
    return { taken: Buffer.from(JSON.stringify({ ...input, Entries })), failed }
  }
}
